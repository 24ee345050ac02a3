// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>  // for std::chrono_literals
#include <string>  // for std::string
#include <thread>  // for std::thread

#include "channel/certificates.hpp"
#include "channel/met.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "support/matchers.hpp"
#include "support/temp_dir.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::Authority;
using royong_test::connect;
using royong_test::meet;
using royong_test::TempDir;
using royong_test::WaitingThread;

class TlsTest : public testing::Test {
 protected:
  TempDir folder_;
  Authority authority_{folder_.path()};
  Authority::Signed server_ = authority_.sign("server", "IP:127.0.0.1,DNS:localhost");
  Listener listener_{
      {.address = "127.0.0.1:0", .tls = {.certificate = server_.certificate, .key = server_.key}}};

  void expect_refused(const Tls& tls) {
    auto client = connect(listener_.address(), std::nullopt, tls);
    EXPECT_THROW(listener_.accept(), AuthenticationError);
    EXPECT_THROW(client.get(), AuthenticationError);
  }
};

TEST_F(TlsTest, carries_messages_of_any_length_both_ways) {
  const auto [a, b] = meet(listener_, std::nullopt, {.authority = authority_.file()});
  for (const std::size_t n : {0u, 1u, 20'000u, 5'000'000u}) {
    std::thread sender([&, end = a] { end.send(std::string(n, 'x')); });
    std::thread other([&, end = b] { end.send(std::string(n, 'y')); });
    EXPECT_EQ(b.recv<std::string>(), std::string(n, 'x'));
    EXPECT_EQ(a.recv<std::string>(), std::string(n, 'y'));
    sender.join();
    other.join();
  }
}

TEST_F(TlsTest, polls_waits_and_ends_as_every_connection) {
  const auto [a, b] = meet(listener_, std::nullopt, {.authority = authority_.file()});
  EXPECT_FALSE(b.poll());
  EXPECT_FALSE(b.poll(2ms));
  EXPECT_THROW(b.recv<int>(2ms), TimeoutError);
  a.send(1);
  a.send(2);
  EXPECT_EQ(wait(std::vector{a, b}).size(), 1u);
  EXPECT_TRUE(b.poll(forever));
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_TRUE(b.poll(forever));
  EXPECT_EQ(b.recv<int>(), 2);
  EXPECT_FALSE(b.poll());
  WaitingThread receiver([&, end = b] { EXPECT_THROW(end.recv<int>(), UsageError); });
  receiver.until_asleep();
  b.close();
  receiver.join();
  EXPECT_THROW(a.recv<int>(), EndOfFile);
  EXPECT_THROW(for (;;) a.send(std::string(10'000, 'x')), BrokenPipe);
}

TEST_F(TlsTest, a_stranger_at_the_other_end_is_an_AuthenticationError_on_both_sides) {
  const TempDir elsewhere;
  Authority stranger{elsewhere.path()};
  expect_refused({.authority = stranger.file()});
  expect_refused({.authority = authority_.file(), .host = "example.org"});
  meet(listener_, std::nullopt, {.authority = authority_.file(), .host = "localhost"});
}

TEST_F(TlsTest, the_listener_may_ask_for_a_certificate) {
  const auto mine = authority_.sign("client", "DNS:client");
  Listener strict({.address = "127.0.0.1:0",
                   .tls = {.certificate = server_.certificate,
                           .key = server_.key,
                           .authority = authority_.file()}});
  const auto [a, b] =
      meet(strict, std::nullopt,
           {.certificate = mine.certificate, .key = mine.key, .authority = authority_.file()});
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
  auto without = connect(strict.address(), std::nullopt, {.authority = authority_.file()});
  EXPECT_THROW(strict.accept(), AuthenticationError);
  // In TLS 1.3 a client learns that after its own part is done.
  EXPECT_THROW(without.get().recv<int>(), AuthenticationError);
}

TEST_F(TlsTest, goes_together_with_an_authkey) {
  Listener both({.address = "localhost:0",
                 .authkey = "key",
                 .tls = {.certificate = server_.certificate, .key = server_.key}});
  const Tls tls{.authority = authority_.file(), .host = "localhost"};
  meet(both, "key", tls);
  auto wrong = connect(both.address(), "other", tls);
  EXPECT_THROW(both.accept(), AuthenticationError);
  EXPECT_THROW(wrong.get(), AuthenticationError);
}

TEST_F(TlsTest, without_tls_on_the_other_side_nothing_is_let_in) {
  auto plain = connect(listener_.address());
  EXPECT_THROW(listener_.accept(), AuthenticationError);
  const Connection client = plain.get();
  EXPECT_THROW(client.recv<int>(), Error);
  meet(listener_, std::nullopt, {.authority = authority_.file()});
}

TEST_F(TlsTest, a_connection_cannot_be_sent_to_another_process) {
  const auto [a, b] = meet(listener_, std::nullopt, {.authority = authority_.file()});
  const Queue<Connection> queue;
  EXPECT_THROW_MESSAGE(queue.put(a), TransferError, "TLS");
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST_F(TlsTest, options_that_make_no_sense_are_refused) {
  EXPECT_THROW(Listener({.address = "127.0.0.1:0", .tls = {.host = "x"}}), UsageError);
  EXPECT_THROW(Listener({.address = "127.0.0.1:0", .tls = {.certificate = "x"}}), UsageError);
  EXPECT_THROW(Listener({.address = "@name", .authkey = "k", .tls = {.psk = true}}), UsageError);
  EXPECT_THROW(Listener({.address = "127.0.0.1:0", .tls = {.psk = true}}), UsageError);
  EXPECT_THROW(Client("127.0.0.1:1", "k", {.authority = "x", .psk = true}), UsageError);
  EXPECT_THROW_MESSAGE(
      Listener({.address = "127.0.0.1:0", .tls = {.certificate = "/nowhere", .key = "/nowhere"}}),
      ProcessError, "cannot use the certificate /nowhere");
}

TEST(TlsByAuthkey, needs_the_same_key) {
  Listener listener({.address = "127.0.0.1:0", .authkey = "key", .tls = {.psk = true}});
  const auto [a, b] = meet(listener, "key", {.psk = true});
  a.send(std::string(100'000, 'x'));
  EXPECT_EQ(b.recv<std::string>().size(), 100'000u);
  auto wrong = connect(listener.address(), "other", {.psk = true});
  EXPECT_THROW(listener.accept(), AuthenticationError);
  EXPECT_THROW(wrong.get(), AuthenticationError);
  meet(listener, "key", {.psk = true});
}

}  // namespace
}  // namespace royong
