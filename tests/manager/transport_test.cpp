// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Which way calls go: from a process of the program through shared memory, also to a manager with an address; from whoever connected through a socket.
 */
#include <gtest/gtest.h>

#include <stdexcept>  // for std::logic_error
#include <string>     // for std::string
#include <tuple>      // for std::tuple

#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/pool.hpp"
#include "royong/process.hpp"
#include "royong/shared.hpp"
#include "support/descriptors.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using Squares = mp::ManagerDict<int, int>;
using Messages = mp::ManagerQueue<std::string>;
using mp::StartMethod;

/// Sockets, and what else bytes could go through, that this process has open.
int channels() {
  int count = 0;
  for (const Descriptor& descriptor : open_descriptors()) {
    count += descriptor.target.starts_with("socket:") || descriptor.target.starts_with("pipe:");
  }
  return count;
}

/// Those of the server. A call of the program itself.
int channels_of_server(const mp::ManagerValue<int>& value) {
  return value.update([](int&) { return channels(); });
}

/// What a client has opened more than before its first call, and how many the server has meanwhile.
struct Seen {
  int opened = -1;
  int in_server = -1;
};

/// Calls of every kind: short, long, not waited for, waiting in the server.
void call(const Squares& squares, const Messages& messages) {
  for (int i = 0; i < 100; ++i) squares.set(i, i * i);
  const bool is_kept = squares.get_async(7).get() == 49;
  auto message = messages.get_async();
  messages.put(std::string(1 << 20, 'x'));
  if (!is_kept || message.get().size() != 1 << 20) throw std::logic_error("an answer is wrong");
}

Seen use(const Squares& squares, const Messages& messages, const mp::ManagerValue<int>& value) {
  const int before = channels();
  call(squares, messages);
  const int in_server = channels_of_server(value);
  return {channels() - before, in_server};
}

void use_and_tell(const Squares& squares, const Messages& messages,
                  const mp::ManagerValue<int>& value, const mp::RawValue<Seen>& seen) {
  *seen = use(squares, messages, value);
}

enum class Address { none, given };

mp::Manager make(Address address) {
  return address == Address::none ? mp::Manager() : mp::Manager::serve({});
}

struct Family : testing::TestWithParam<std::tuple<Address, StartMethod>> {
  const mp::Manager manager = make(std::get<0>(GetParam()));
  const Squares squares = manager.dict<int, int>();
  const Messages messages = manager.queue<std::string>();
  const mp::ManagerValue<int> value = manager.value<int>();
};

TEST_P(Family, CallsThroughSharedMemoryAlone) {
  const int before = channels();
  const int in_server = channels_of_server(value);
  call(squares, messages);
  EXPECT_EQ(channels(), before);
  const mp::RawValue<Seen> seen(Seen{});
  mp::Process child({.start_method = std::get<1>(GetParam())}, use_and_tell, squares, messages,
                    value, seen);
  child.start();
  child.join();
  ASSERT_EQ(child.exitcode(), 0);
  EXPECT_EQ(seen->opened, 0);
  EXPECT_EQ(seen->in_server, in_server);
}

INSTANTIATE_TEST_SUITE_P(EveryStartMethod, Family,
                         testing::Combine(testing::Values(Address::none, Address::given),
                                          testing::Values(StartMethod::fork, StartMethod::spawn,
                                                          StartMethod::forkserver)));

TEST(Workers, CallAManagerWithAnAddressThroughSharedMemoryAlone) {
  const auto manager = mp::Manager::serve({});
  const auto squares = manager.dict<int, int>();
  const auto messages = manager.queue<std::string>();
  const auto value = manager.value<int>();
  const int in_server = channels_of_server(value);
  mp::Pool pool(1);
  const auto seen = pool.apply(use, squares, messages, value);
  EXPECT_EQ(seen.opened, 0);
  EXPECT_EQ(seen.in_server, in_server);
}

Seen connect_and_use(const std::string& address, const mp::ManagerValue<int>& value) {
  channels_of_server(value);  // the session of the family is there already
  const int before = channels();
  const auto client = mp::Manager::connect({.address = address});
  call(client.find<Squares>("squares"), client.find<Messages>("messages"));
  const int in_server = channels_of_server(value);
  return {channels() - before, in_server};
}

TEST(Strangers, CallThroughOneSocketAlsoIfTheyAreOfTheProgram) {
  for (const std::string address : {"", "127.0.0.1:0"}) {
    const auto manager = mp::Manager::serve({.address = address});
    manager.publish("squares", manager.dict<int, int>());
    manager.publish("messages", manager.queue<std::string>());
    const auto value = manager.value<int>();
    const int in_server = channels_of_server(value);
    {
      const auto seen = connect_and_use(manager.address(), value);
      EXPECT_EQ(seen.opened, 1);
      EXPECT_EQ(seen.in_server, in_server + 1);
    }
    // The same object, now by the program's own way.
    const int before = channels();
    EXPECT_EQ(manager.find<Squares>("squares").at(99), 9801);
    EXPECT_EQ(channels(), before);
    mp::Pool pool(1);
    const auto seen = pool.apply(connect_and_use, manager.address(), value);
    EXPECT_EQ(seen.opened, 1);
  }
}

TEST(Strangers, OfTheProgramHaveTheRightsOfStrangers) {
  const auto manager = mp::Manager::serve({});
  manager.publish("squares", manager.dict<int, int>());
  const auto client = mp::Manager::connect({.address = manager.address()});
  EXPECT_THROW_MESSAGE(client.find<Squares>("squares").update(1, [](int& n) { ++n; }),
                       mp::UsageError, "another program");
  manager.find<Squares>("squares").update(1, [](int& n) { ++n; });
  EXPECT_EQ(client.find<Squares>("squares").at(1), 1);
}

}  // namespace
}  // namespace royong_test
