// SPDX-License-Identifier: Apache-2.0
// Connections over sockets: the same promises as those of a pipe, and what only sockets have.
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>  // for std::ranges::count
#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono_literals
#include <cstring>    // for std::memcpy
#include <string>     // for std::string
#include <thread>     // for std::thread
#include <vector>     // for std::vector

#include "channel/frame.hpp"
#include "channel/met.hpp"
#include "royong/connection.hpp"
#include "royong/detail/type_name.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::meet;
using royong_test::Member;
using royong_test::WaitingThread;

class SocketConnection : public testing::TestWithParam<const char*> {
 protected:
  SocketConnection() : listener_({.address = GetParam()}), ends_(meet(listener_)) {}
  Listener listener_;
  std::pair<Connection, Connection> ends_;
  const Connection& a_ = ends_.first;
  const Connection& b_ = ends_.second;
};

INSTANTIATE_TEST_SUITE_P(Addresses, SocketConnection, testing::Values("", "127.0.0.1:0", "[::1]:0"),
                         [](const auto& test) {
                           return std::string(test.index == 0   ? "unix"
                                              : test.index == 1 ? "inet"
                                                                : "inet6");
                         });

TEST_P(SocketConnection, carries_values_and_bytes_both_ways_and_keeps_their_borders) {
  a_.send(std::vector<std::string>{"one", "two"});
  a_.send_bytes("");
  a_.send_bytes(std::vector<int>{1, 2, 3});
  b_.send(2.5);
  EXPECT_EQ(b_.recv<std::vector<std::string>>(), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(b_.recv_bytes().empty());
  EXPECT_EQ(b_.recv_bytes().size(), 3 * sizeof(int));
  EXPECT_EQ(a_.recv<double>(), 2.5);
}

TEST_P(SocketConnection, messages_of_any_length_arrive_whole) {
  const std::vector<std::size_t> lengths = {0,      1,         100,      65'535, 65'536,
                                            65'537, 1'000'000, 16 << 20, 3};
  std::thread sender([&] {
    for (const auto n : lengths) a_.send(std::string(n, static_cast<char>('a' + n % 26)));
  });
  for (const auto n : lengths) {
    EXPECT_EQ(b_.recv<std::string>(), std::string(n, static_cast<char>('a' + n % 26)));
  }
  sender.join();
}

TEST_P(SocketConnection, poll_and_time_limits) {
  EXPECT_FALSE(b_.poll());
  EXPECT_FALSE(b_.poll(2ms));
  EXPECT_THROW(b_.recv<int>(0s), TimeoutError);
  EXPECT_THROW(b_.recv<int>(2ms), TimeoutError);
  a_.send(1);
  EXPECT_TRUE(b_.poll(forever));
  EXPECT_EQ(b_.recv<int>(0s), 1);
  a_.close();
  EXPECT_TRUE(b_.poll(forever));
}

TEST_P(SocketConnection, a_closed_peer_is_EndOfFile_and_then_BrokenPipe_and_never_a_signal) {
  a_.send(1);
  a_.close();
  EXPECT_EQ(b_.recv<int>(), 1);
  EXPECT_THROW(b_.recv<int>(), EndOfFile);
  EXPECT_THROW(b_.recv_bytes(), EndOfFile);
  // TCP learns of it with the second send.
  EXPECT_THROW(for (;;) b_.send(std::string(100'000, 'x')), BrokenPipe);
}

TEST_P(SocketConnection, a_message_of_another_type_is_a_TransferError) {
  a_.send(1);
  EXPECT_THROW_MESSAGE(b_.recv<std::string>(), TransferError, "another type");
  a_.send_bytes("x");
  EXPECT_THROW(b_.recv<int>(), TransferError);
  a_.send(2);
  EXPECT_EQ(b_.recv<int>(), 2);
}

TEST_P(SocketConnection, a_longer_message_than_wanted_ends_the_reading) {
  a_.send_bytes("123456");
  EXPECT_THROW_MESSAGE(b_.recv_bytes(5), TransferError, "bad message length");
  EXPECT_FALSE(b_.readable());
  EXPECT_THROW(b_.recv_bytes(), UsageError);
  b_.send(1);
  EXPECT_EQ(a_.recv<int>(), 1);
}

TEST_P(SocketConnection, a_buffer_too_short_gets_the_message_in_the_exception) {
  a_.send_bytes("12345");
  std::array<std::byte, 4> buffer{};
  try {
    b_.recv_bytes_into(buffer);
    ADD_FAILURE();
  } catch (const BufferTooShort& error) {
    EXPECT_EQ(error.message(), "12345");
  }
  a_.send_bytes("1234");
  EXPECT_EQ(b_.recv_bytes_into(buffer), 4u);
}

TEST_P(SocketConnection, closing_ends_the_waits_of_other_threads) {
  WaitingThread receiver([&] { EXPECT_THROW(b_.recv<int>(), UsageError); });
  WaitingThread second([&] { EXPECT_THROW(b_.recv<int>(), UsageError); });
  WaitingThread poller([&] { EXPECT_THROW(b_.poll(forever), UsageError); });
  WaitingThread sender(
      [&] { EXPECT_THROW(for (;;) b_.send(std::string(100'000, 'x')), UsageError); });
  for (auto* thread : {&receiver, &second, &poller, &sender}) thread->until_asleep();
  b_.close();
  for (auto* thread : {&receiver, &second, &poller, &sender}) thread->join();
  // Closed in the middle of a message, which the peer is told.
  EXPECT_THROW(
      try {
        for (;;) a_.recv<std::string>();
      } catch (const EndOfFile&) { throw TransferError("between messages"); },
      TransferError);
}

TEST_P(SocketConnection, handles_and_functions_cannot_go_to_another_program) {
  EXPECT_THROW_MESSAGE(a_.send(Lock()), TransferError, "another program");
  EXPECT_THROW_MESSAGE(a_.send(a_), TransferError, "another program");
  EXPECT_THROW_MESSAGE(a_.send(std::optional<int (*)(int)>(nullptr)), TransferError,
                       "another program");
  a_.send(1);
  EXPECT_EQ(b_.recv<int>(), 1);
}

TEST_P(SocketConnection, travels_to_another_process_and_ends_with_the_last_that_holds_it) {
  const auto [near, far] = Pipe();
  const Event go;
  Member other([&] {
    b_.close();  // the copy that came with the fork
    const auto received = far.recv<Connection>();
    received.send(std::string("from there"));
    far.send(received.recv<int>());
    go.wait();
  });
  near.send(b_);
  b_.close();
  EXPECT_EQ(a_.recv<std::string>(), "from there");
  a_.send(5);
  EXPECT_EQ(near.recv<int>(), 5);
  EXPECT_FALSE(a_.poll(20ms));
  go.set();
  EXPECT_EQ(other.wait(), 0);
  EXPECT_THROW(a_.recv<int>(), EndOfFile);
}

TEST_P(SocketConnection, each_message_goes_whole_to_one_of_the_processes_that_receive) {
  constexpr int count = 400;
  const Queue<int> sums;
  // Short ones are read at once: nothing of the next one may go with them.
  const auto take_half = [&] {
    int sum = 0;
    for (int i = 0; i < count / 2; ++i) {
      const auto numbers = b_.recv<std::vector<int>>();
      EXPECT_EQ(std::ranges::count(numbers, numbers.front()), std::ssize(numbers));
      sum += numbers.front();
    }
    return sum;
  };
  Member other([&] { sums.put(take_half()); });
  std::thread sender([&] {
    for (int i = 0; i < count; ++i)
      a_.send(std::vector<int>(static_cast<std::size_t>(i % 60 + 1), i));
  });
  const int mine = take_half();
  EXPECT_EQ(mine + sums.get(), count * (count - 1) / 2);
  EXPECT_EQ(other.wait(), 0);
  sender.join();
}

TEST_P(SocketConnection, a_process_that_dies_in_the_middle_of_a_message_tears_it_for_the_peer) {
  Member sender([&] { b_.send(std::string(50'000'000, 'x')); });
  a_.poll(forever);  // it has begun, and what is left does not fit the socket
  sender.kill();
  sender.wait();
  // This process holds the end as well: it finds it torn, and says so to the peer.
  EXPECT_THROW(b_.send(1), BrokenPipe);
  EXPECT_THROW(
      try {
        for (;;) a_.recv<std::string>();
      } catch (const EndOfFile&) { throw TransferError("between messages"); },
      TransferError);
}

TEST_P(SocketConnection, a_killed_peer_is_EndOfFile) {
  const Event ready;
  Member peer([&] {
    a_.close();
    b_.send(1);
    ready.set();
    std::this_thread::sleep_for(1h);
  });
  b_.close();
  ready.wait();
  peer.kill();
  peer.wait();
  EXPECT_EQ(a_.recv<int>(), 1);
  EXPECT_THROW(a_.recv<int>(), EndOfFile);
}

TEST_P(SocketConnection, a_signal_disturbs_no_wait) {
  static std::atomic<int> handled;
  handled = 0;
  struct sigaction quiet{};
  struct sigaction before{};
  quiet.sa_handler = [](int) { ++handled; };
  ::sigaction(SIGUSR1, &quiet, &before);
  WaitingThread receiver([&] { EXPECT_EQ(b_.recv<std::string>().size(), 5'000'000u); });
  for (int i = 1; i <= 20; ++i) {
    receiver.until_asleep();
    ::pthread_kill(receiver.native_handle(), SIGUSR1);
    eventually([&] { return handled == i; });
  }
  a_.send(std::string(5'000'000, 'x'));
  receiver.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(SocketConnection, time_that_ends_in_the_middle_of_a_message_loses_nothing) {
  const auto header =
      channel::encode_frame_header({.length = sizeof(int), .type = detail::type_hash<int>()});
  const int number = 42;
  ASSERT_EQ(::send(a_.fileno(), header.data(), 10, 0), 10);
  EXPECT_THROW(b_.recv<int>(2ms), TimeoutError);
  ASSERT_EQ(::send(a_.fileno(), header.data() + 10, header.size() - 10, 0), 14);
  EXPECT_THROW(b_.recv<int>(2ms), TimeoutError);
  ASSERT_EQ(::send(a_.fileno(), &number, sizeof number, 0), 4);
  EXPECT_THROW(b_.recv<int>(2ms), TimeoutError);
  const auto zeros = channel::padding_behind(sizeof number);
  ASSERT_EQ(::send(a_.fileno(), zeros.data(), zeros.size(), 0), 100);
  EXPECT_EQ(b_.recv<int>(), 42);
}

TEST_P(SocketConnection, frames_that_lie_are_refused_and_cost_no_memory) {
  // The whole of a terabyte is announced, and ten bytes come.
  const auto header = channel::encode_frame_header({.length = channel::longest_frame});
  ASSERT_EQ(::send(a_.fileno(), header.data(), header.size(), 0), 24);
  ASSERT_EQ(::send(a_.fileno(), "0123456789", 10, 0), 10);
  EXPECT_THROW(b_.recv_bytes(5ms), TimeoutError);
  a_.close();
  EXPECT_THROW_MESSAGE(b_.recv_bytes(), TransferError, "in the middle of a message");
}

TEST_P(SocketConnection, garbage_is_a_TransferError) {
  const std::string garbage(100, 'g');
  ASSERT_EQ(::send(a_.fileno(), garbage.data(), garbage.size(), 0), 100);
  EXPECT_THROW_MESSAGE(b_.recv<int>(), TransferError, "not the beginning of a frame");
  EXPECT_FALSE(b_.readable());
}

TEST(UnixConnection, carries_descriptors) {
  Listener listener;
  const auto [a, b] = meet(listener);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  a.send_handle(ends[1]);
  a.send(1);
  const int copy = b.recv_handle();
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_EQ(::write(copy, "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(ends[0], &c, 1), 1);
  a.send_handle(ends[1]);
  EXPECT_THROW(b.recv<int>(), TransferError);  // and the descriptor is closed
  EXPECT_THROW(a.send_handle(-1), std::system_error);
  for (const int fd : {copy, ends[0], ends[1]}) ::close(fd);
}

TEST(InetConnection, carries_no_descriptors) {
  Listener listener({.address = "localhost:0"});
  const auto [a, b] = meet(listener);
  EXPECT_THROW_MESSAGE(a.send_handle(0), TransferError, "unix sockets");
  EXPECT_FALSE(b.poll());
}

}  // namespace
}  // namespace royong
