// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>      // for std::chrono_literals
#include <filesystem>  // for std::filesystem::exists
#include <fstream>     // for std::ofstream
#include <string>      // for std::string
#include <thread>      // for std::this_thread
#include <vector>      // for std::vector

#include "channel/address.hpp"
#include "channel/handshake.hpp"
#include "channel/met.hpp"
#include "os/stream_socket.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/temp_dir.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::connect;
using royong_test::eventually;
using royong_test::meet;
using royong_test::Member;
using royong_test::TempDir;
using royong_test::WaitingThread;

/// A socket that speaks as its test says.
os::Fd raw_client(const std::string& address) {
  auto socket =
      os::connect_to(channel::resolve(address, false).front(), os::Deadline::max(), address);
  return std::move(*socket);
}

void say(const os::Fd& socket, std::string_view text) {
  ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

TEST(Listener, listens_at_a_path_and_removes_it) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  {
    Listener listener({.address = path});
    EXPECT_EQ(listener.address(), path);
    EXPECT_EQ(listener.last_accepted(), std::nullopt);
    const auto [a, b] = meet(listener);
    EXPECT_EQ(listener.last_accepted(), "");
    a.send(1);
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_TRUE(std::filesystem::exists(path));
    listener.close();
    EXPECT_FALSE(std::filesystem::exists(path));
    b.send(2);
    EXPECT_EQ(a.recv<int>(), 2);
  }
  {
    Listener again({.address = path});
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, fills_in_the_port_and_tells_who_came) {
  Listener listener({.address = "127.0.0.1:0"});
  EXPECT_TRUE(listener.address().starts_with("127.0.0.1:"));
  EXPECT_FALSE(listener.address().ends_with(":0"));
  meet(listener);
  EXPECT_TRUE(listener.last_accepted()->starts_with("127.0.0.1:"));
  Listener six({.address = "[::1]:0"});
  EXPECT_TRUE(six.address().starts_with("[::1]:"));
}

TEST(Listener, finds_out_whose_machine_has_vanished_and_so_does_the_client) {
  Listener listener({.address = "127.0.0.1:0"});
  const auto [a, b] = meet(listener);
  for (const Connection& end : {a, b}) {
    const auto option = [&](int level, int name) {
      int value = 0;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(end.fileno(), level, name, &value, &size), 0);
      return value;
    };
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_LE(option(IPPROTO_TCP, TCP_KEEPIDLE) +
                  option(IPPROTO_TCP, TCP_KEEPINTVL) * option(IPPROTO_TCP, TCP_KEEPCNT),
              120);
  }
}

TEST(Listener, generates_addresses_that_differ) {
  const Listener one;
  const Listener two;
  EXPECT_TRUE(one.address().starts_with("@royong-"));
  EXPECT_NE(one.address(), two.address());
}

TEST(Listener, addresses_that_make_no_sense_are_refused) {
  EXPECT_THROW(Listener({.address = "localhost:port"}), UsageError);
  EXPECT_THROW(Listener({.address = "localhost:65536"}), UsageError);
  EXPECT_THROW(Listener({.address = "localhost:"}), UsageError);
  EXPECT_THROW(Listener({.address = "/" + std::string(200, 'x')}), UsageError);
  EXPECT_THROW(Listener({.address = "@x", .backlog = -1}), UsageError);
  EXPECT_THROW(Client(""), UsageError);
  EXPECT_THROW_MESSAGE(Listener({.address = "/nowhere/at/all"}), std::system_error,
                       "cannot listen at /nowhere/at/all");
  EXPECT_THROW_MESSAGE(Client("@nobody-listens-here"), std::system_error,
                       "cannot connect to @nobody-listens-here");
}

TEST(Listener, a_living_listener_keeps_its_address) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  Listener first({.address = path});
  EXPECT_THROW_MESSAGE(Listener({.address = path}), std::system_error, "Address already in use");
  const auto [a, b] = meet(first);
  // The attempt left a client that went away: nobody was disturbed.
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
  const std::string file = (folder / "file").string();
  std::ofstream(file) << "no socket";
  EXPECT_THROW(Listener({.address = file}), std::system_error);
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST(Listener, the_file_of_a_killed_process_goes_with_it) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  const Event listening;
  Member other([&] {
    const Listener listener({.address = path});
    listening.set();
    std::this_thread::sleep_for(1h);
  });
  listening.wait();
  EXPECT_TRUE(std::filesystem::exists(path));
  other.kill();
  other.wait();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, a_stale_file_does_not_stand_in_the_way) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  os::listen_at(channel::resolve(path, true).front(), 1, path).reset();  // closed, not removed
  ASSERT_TRUE(std::filesystem::exists(path));
  Listener listener({.address = path});
  const auto [a, b] = meet(listener);
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST(Listener, removes_only_its_own_file) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  {
    Listener first({.address = path});
    std::filesystem::remove(path);
    Listener second({.address = path});
    first.close();
    EXPECT_TRUE(std::filesystem::exists(path));
    meet(second);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, accept_ends_with_its_time_and_with_close) {
  Listener listener;
  EXPECT_THROW(listener.accept(0s), TimeoutError);
  EXPECT_THROW(listener.accept(2ms), TimeoutError);
  WaitingThread first([&] { EXPECT_THROW(listener.accept(), UsageError); });
  WaitingThread second([&] { EXPECT_THROW(listener.accept(), UsageError); });
  first.until_asleep();
  second.until_asleep();
  listener.close();
  listener.close();
  first.join();
  second.join();
  EXPECT_THROW(listener.accept(), UsageError);
  EXPECT_THROW(listener.last_accepted(), UsageError);
  EXPECT_THROW(Client(listener.address()), std::system_error);
}

TEST(Listener, that_is_closed_lets_nobody_in_although_a_forked_process_has_its_socket) {
  for (const char* address : {"", "127.0.0.1:0"}) {
    Listener listener({.address = address});
    const Event go;
    Member other([&] { go.wait(); });
    listener.close();
    EXPECT_THROW(Client(listener.address()), std::system_error);
    go.set();
    EXPECT_EQ(other.wait(), 0);
  }
}

TEST(Listener, without_key_a_client_does_not_wait_for_accept) {
  Listener listener;
  const Connection client = Client(listener.address());
  client.send(1);
  const Connection mine = listener.accept(0s);
  EXPECT_EQ(mine.recv<int>(), 1);
}

TEST(Listener, moves_and_refuses_when_moved_from) {
  Listener first;
  Listener second = std::move(first);
  EXPECT_THROW(first.accept(), UsageError);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first.address(), "");
  meet(second);
  second = Listener();
  meet(second);
}

TEST(Listener, silent_clients_do_not_keep_others_out) {
  Listener listener({.authkey = "key"});
  std::vector<os::Fd> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(raw_client(listener.address()));
  const auto [a, b] = meet(listener, "key");
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
  // A slow one goes on where it was.
  say(silent[0], "royo");
  const auto [c, d] = meet(listener, "key");
  c.send(2);
  EXPECT_EQ(d.recv<int>(), 2);
}

TEST(Listener, clients_that_go_away_before_they_are_accepted_are_forgotten) {
  Listener listener;
  raw_client(listener.address()).reset();
  {
    auto half = raw_client(listener.address());
    say(half, "royong");
  }
  EXPECT_THROW(listener.accept(5ms), TimeoutError);
  meet(listener);
}

TEST(Listener, garbage_is_a_TransferError_and_the_listener_goes_on) {
  Listener listener({.authkey = "key"});
  const auto garbage = raw_client(listener.address());
  say(garbage, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THROW_MESSAGE(listener.accept(), TransferError, "no handshake");
  const auto long_one = raw_client(listener.address());
  say(long_one, std::string("royong\x01\xff\x01", 9));
  EXPECT_THROW(listener.accept(), TransferError);
  meet(listener, "key");
}

TEST(Listener, another_version_or_format_is_a_TransferError) {
  Listener listener;
  const auto newer = raw_client(listener.address());
  say(newer, std::string("royong\x02\x01\x01", 9));
  EXPECT_THROW_MESSAGE(listener.accept(), TransferError, "another version");
  channel::Handshake handshake(channel::Side::client, std::nullopt);
  std::string hello(reinterpret_cast<const char*>(handshake.output().data()),
                    handshake.output().size());
  hello[12] ^= 1;
  const auto other = raw_client(listener.address());
  say(other, hello);
  EXPECT_THROW_MESSAGE(listener.accept(), TransferError, "format of data");
}

TEST(Client, stops_waiting_for_a_listener_that_does_not_answer) {
  Listener listener({.authkey = "key"});
  EXPECT_THROW(Client(listener.address(), "key", {}, 5ms), TimeoutError);
  EXPECT_THROW(Client(listener.address(), "key", {}, 0s), TimeoutError);
  // One that takes its clients and then goes away.
  const std::string name = channel::generate_address();
  os::Fd socket = os::listen_at(channel::resolve(name, true).front(), 1, name);
  auto client = connect(name, "key");
  os::SocketAddress from;
  eventually([&] { return os::accept_next(socket.get(), from).has_value(); }, socket.get());
  EXPECT_THROW(client.get(), EndOfFile);
}

}  // namespace
}  // namespace royong
