// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Answers that do not fit at once, and requests that come faster than they are run: all of them arrive, and whoever does not read holds up himself alone.
 */
#include <gtest/gtest.h>

#include <cstddef>  // for std::size_t
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "manager/memory.hpp"
#include "manager/parked.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using Texts = mp::ManagerList<std::string>;
using ServedTexts = Texts::ServedClass;
using Messages = mp::ManagerQueue<std::string>;

mp::Manager connect_to(const mp::Manager& server) {
  return mp::Manager::connect({.address = server.address()});
}

/// Starts `copy` so many times and waits for none.
std::vector<mp::Future<std::vector<std::string>>> ask_for_copies(const Texts& texts, int count) {
  std::vector<mp::Future<std::vector<std::string>>> copies;
  const Parked<Texts> parked(texts);
  for (int i = 0; i < count; ++i) copies.push_back(parked.start<&ServedTexts::copy>());
  return copies;
}

TEST(SlowClient, GetsALongAnswerThatCameOutOfTurn) {
  const auto server = mp::Manager::serve({});
  server.publish("messages", server.queue<std::string>());
  const auto client = connect_to(server);
  auto message = client.find<Messages>("messages").get_async();
  EXPECT_EQ(client.names().size(), 1U);  // behind it: it waits
  server.find<Messages>("messages").put(std::string(20 * MiB, 'x'));
  EXPECT_EQ(message.get().size(), 20 * MiB);
}

TEST(SlowClient, GetsAnswersThatTogetherAreMoreThanIsKept) {
  const auto server = mp::Manager::serve({.limits = {.unread = MiB}});
  const auto texts = server.list<std::string>({std::string(100'000, 'x')});
  server.publish("texts", texts);
  const auto client = connect_to(server);
  for (const Texts& proxy : {texts, client.find<Texts>("texts")}) {
    std::vector<mp::Future<std::vector<std::string>>> copies;
    {
      auto batch = server.pipeline();
      copies = ask_for_copies(proxy, 200);
    }
    for (auto& copy : copies) EXPECT_EQ(copy.get().at(0).size(), 100'000U);
    EXPECT_EQ(proxy.size(), 1U);
  }
}

TEST(SlowClient, GetsEveryAnswerOfManyCallsThroughTls) {
  const auto server =
      mp::Manager::serve({.address = "127.0.0.1:0", .authkey = "secret", .tls = {.psk = true}});
  server.publish("numbers", server.dict<int, int>());
  const auto client = mp::Manager::connect(
      {.address = server.address(), .authkey = "secret", .tls = {.psk = true}});
  const auto numbers = client.find<mp::ManagerDict<int, int>>("numbers");
  std::vector<mp::Future<void>> calls;
  {
    // Many to a record of TLS, more than the manager takes in one turn.
    auto batch = client.pipeline();
    for (int i = 0; i < 1000; ++i) calls.push_back(numbers.set_async(i, i));
  }
  for (auto& call : calls) call.get();
  EXPECT_EQ(numbers.size(), 1000U);
}

TEST(SlowClient, ThatDoesNotReadHoldsUpItselfAlone) {
  const auto server = mp::Manager::serve({.limits = {.unread = MiB}});
  const auto texts = server.list<std::string>({std::string(MiB, 'x')});
  server.publish("texts", texts);
  const auto client = connect_to(server);
  auto copies = ask_for_copies(client.find<Texts>("texts"), 50);
  const auto neighbour = connect_to(server);
  const auto theirs = neighbour.find<Texts>("texts");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(theirs.size(), 1U);
  for (auto& copy : copies) EXPECT_EQ(copy.get().size(), 1U);
}

TEST(SlowClient, ThatDoesNotReadWhatItWaitedForIsDropped) {
  const auto server = mp::Manager::serve({.limits = {.unread = MiB}});
  const auto messages = server.queue<std::string>();
  server.publish("messages", messages);
  const auto client = connect_to(server);
  const auto theirs = client.find<Messages>("messages");
  std::vector<mp::Future<std::string>> waiting;
  for (int i = 0; i < 64; ++i) waiting.push_back(theirs.get_async());
  EXPECT_EQ(client.names().size(), 1U);  // behind them: they wait
  for (int i = 0; i < 64; ++i) messages.put(std::string(MiB / 4, 'x'));
  int received = 0;
  EXPECT_THROW(
      for (auto& message : waiting) {
        message.get();
        ++received;
      },
      mp::EndOfFile);
  EXPECT_LT(received, 64);
  EXPECT_THROW(theirs.qsize(), mp::EndOfFile);
  EXPECT_EQ(server.names().size(), 1U);
}

}  // namespace
}  // namespace royong_test
