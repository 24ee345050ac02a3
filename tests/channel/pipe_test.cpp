// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <chrono>   // for std::chrono_literals
#include <deque>    // for std::deque
#include <map>      // for std::map
#include <numeric>  // for std::iota
#include <string>   // for std::string
#include <thread>   // for std::this_thread
#include <vector>   // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/sync.hpp"
#include "support/descriptors.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::is_readable;
using royong_test::Member;
using royong_test::until_asleep;
using royong_test::WaitingThread;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(Pipe, carries_values_both_ways) {
  const auto [a, b] = Pipe();
  a.send(std::map<std::string, std::vector<int>>{{"x", {1, 2}}});
  EXPECT_EQ((b.recv<std::map<std::string, std::vector<int>>>().at("x")), (std::vector{1, 2}));
  b.send("a literal");
  EXPECT_EQ(a.recv<std::string>(), "a literal");
  b.send(4.5);
  EXPECT_EQ(a.recv<double>(), 4.5);
  b.send('c');
  EXPECT_EQ(a.recv<char>(), 'c');
  char buffer[] = "in a buffer";
  b.send(buffer);
  EXPECT_EQ(a.recv<std::string>(), buffer);
}

TEST(Pipe, carries_an_empty_message_that_is_written_as_braces) {
  const auto [a, b] = Pipe();
  a.send_bytes({});
  EXPECT_EQ(b.recv_bytes().size(), 0u);
}

TEST(Pipe, keeps_the_borders_and_the_order_of_messages) {
  const auto [a, b] = Pipe();
  for (const auto* text : {"one", "", "three"}) a.send_bytes(text);
  a.send(4);
  EXPECT_EQ(b.recv_bytes(), bytes_of("one"));
  EXPECT_EQ(b.recv_bytes(), bytes_of(""));
  EXPECT_EQ(b.recv_bytes(), bytes_of("three"));
  EXPECT_EQ(b.recv<int>(), 4);
}

TEST(Pipe, of_one_way_has_a_reader_and_a_writer) {
  const auto [reader, writer] = Pipe(false);
  EXPECT_TRUE(reader.readable());
  EXPECT_FALSE(reader.writable());
  EXPECT_FALSE(writer.readable());
  EXPECT_TRUE(writer.writable());
  writer.send(1);
  EXPECT_EQ(reader.recv<int>(), 1);
  EXPECT_THROW_MESSAGE(reader.send(1), UsageError, "read-only");
  EXPECT_THROW_MESSAGE(reader.send(std::string("x")), UsageError, "read-only");
  EXPECT_THROW_MESSAGE(reader.send_handle(0), UsageError, "read-only");
  EXPECT_THROW_MESSAGE(writer.recv<int>(), UsageError, "write-only");
  EXPECT_THROW_MESSAGE(writer.recv_handle(), UsageError, "write-only");
  EXPECT_THROW_MESSAGE(writer.poll(), UsageError, "write-only");
}

TEST(Pipe, messages_of_any_length_arrive_whole) {
  const auto [a, b] = Pipe();
  const std::vector<std::size_t> lengths = {
      0, 1, 7, 8, 200, 16'368, 16'376, 16'377, 65'536, 1'000'000, 20 << 20, 3, 300'000, 16'000'000};
  Member sender([&] {
    for (const auto n : lengths) {
      a.send_bytes(std::string(n, static_cast<char>('a' + n % 26)));
      a.send(std::string(n, static_cast<char>('A' + n % 26)));
    }
  });
  for (const auto n : lengths) {
    ASSERT_EQ(b.recv_bytes(), bytes_of(std::string(n, static_cast<char>('a' + n % 26))));
    ASSERT_EQ(b.recv<std::string>(), std::string(n, static_cast<char>('A' + n % 26)));
  }
  EXPECT_EQ(sender.wait(), 0);
}

TEST(Pipe, a_message_of_another_type_is_a_TransferError_that_says_so) {
  const auto [a, b] = Pipe();
  a.send(1);
  EXPECT_THROW_MESSAGE(b.recv<std::string>(), TransferError, "another type");
  a.send_bytes("x");
  EXPECT_THROW_MESSAGE(b.recv<int>(), TransferError, "bytes");
  a.send(1);
  EXPECT_THROW_MESSAGE(b.recv_bytes(), TransferError, "a value");
  a.send(1);
  EXPECT_THROW(b.recv_handle(), TransferError);
  a.send(2);
  EXPECT_EQ(b.recv<int>(), 2);
}

TEST(Pipe, recv_ends_with_its_time) {
  const auto [a, b] = Pipe();
  EXPECT_THROW(b.recv<int>(0s), TimeoutError);
  EXPECT_THROW(b.recv<int>(-1s), TimeoutError);
  EXPECT_THROW(b.recv_bytes(20ms), TimeoutError);
  EXPECT_THROW(b.recv_bytes(10, 1ms), TimeoutError);
  a.send(1);
  EXPECT_EQ(b.recv<int>(0s), 1);
}

TEST(Pipe, poll_tells_of_messages_and_of_the_end_and_takes_nothing) {
  auto [a, b] = Pipe();
  EXPECT_FALSE(b.poll());
  EXPECT_FALSE(b.poll(-1s));
  EXPECT_FALSE(b.poll(5ms));
  a.send(1);
  EXPECT_TRUE(b.poll());
  EXPECT_TRUE(b.poll(forever));
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_FALSE(b.poll());
  a.close();
  EXPECT_TRUE(b.poll());
}

TEST(Pipe, its_descriptor_is_readable_while_there_is_something_to_receive) {
  auto [a, b] = Pipe();
  const int descriptor = b.fileno();
  EXPECT_EQ(b.fileno(), descriptor);
  EXPECT_FALSE(is_readable(descriptor));
  a.send(1);
  EXPECT_TRUE(is_readable(descriptor));
  a.send(2);
  b.recv<int>();
  EXPECT_TRUE(is_readable(descriptor));
  b.recv<int>();
  EXPECT_FALSE(is_readable(descriptor));
  Member sender([&] { a.send(std::string(100'000, 'x')); });
  eventually([&] { return is_readable(descriptor); }, descriptor);
  EXPECT_EQ(sender.wait(), 0);
  b.recv<std::string>();
  a.close();
  eventually([&] { return is_readable(descriptor); }, descriptor);
}

TEST(Pipe, the_writers_descriptor_shows_that_nobody_reads_any_more) {
  auto [reader, writer] = Pipe(false);
  const int descriptor = writer.fileno();
  EXPECT_FALSE(is_readable(descriptor));
  reader.close();
  eventually([&] { return is_readable(descriptor); }, descriptor);
}

TEST(Pipe, a_message_longer_than_wanted_ends_the_reading) {
  const auto [a, b] = Pipe();
  a.send_bytes("12345");
  EXPECT_EQ(b.recv_bytes(5), bytes_of("12345"));
  a.send_bytes("123456");
  EXPECT_THROW_MESSAGE(b.recv_bytes(5), TransferError, "bad message length");
  EXPECT_FALSE(b.readable());
  EXPECT_THROW_MESSAGE(b.recv_bytes(), UsageError, "write-only");
  b.send_bytes("still there");
  EXPECT_EQ(a.recv_bytes(), bytes_of("still there"));
  EXPECT_THROW(a.recv_bytes(-1), UsageError);
}

TEST(Pipe, receives_into_a_buffer_and_hands_over_what_does_not_fit) {
  const auto [a, b] = Pipe();
  std::array<std::byte, 4> buffer{};
  a.send_bytes("abc");
  EXPECT_EQ(b.recv_bytes_into(buffer), 3u);
  EXPECT_EQ(buffer[2], std::byte{'c'});
  a.send_bytes("");
  EXPECT_EQ(b.recv_bytes_into({}), 0u);
  a.send_bytes("abcde");
  try {
    b.recv_bytes_into(buffer);
    ADD_FAILURE() << "it fitted";
  } catch (const BufferTooShort& error) {
    EXPECT_EQ(error.message(), "abcde");
  }
  a.send_bytes("abcd");
  EXPECT_EQ(b.recv_bytes_into(buffer), 4u);
}

TEST(Pipe, a_closed_peer_is_EndOfFile_after_the_last_message_and_BrokenPipe_at_once) {
  auto [a, b] = Pipe();
  a.send(1);
  a.send(std::string(100'000, 'x'));
  b.send(2);
  a.close();
  EXPECT_THROW(b.send(3), BrokenPipe);
  EXPECT_THROW(b.send_bytes(std::string(100'000, 'x')), BrokenPipe);
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_EQ(b.recv<std::string>().size(), 100'000u);
  EXPECT_THROW(b.recv<int>(), EndOfFile);
  EXPECT_THROW(b.recv<int>(0s), EndOfFile);
  EXPECT_THROW(b.recv_bytes(), EndOfFile);
}

TEST(Pipe, the_end_of_the_last_copy_closes_it) {
  auto [a, b] = Pipe();
  {
    const Connection moved = std::move(a);
    const Connection copy = moved;
    EXPECT_FALSE(b.poll());
  }
  EXPECT_THROW(b.recv<int>(), EndOfFile);
}

TEST(Pipe, a_closed_end_refuses_everything_in_all_its_copies) {
  auto [a, b] = Pipe();
  const Connection copy = a;
  a.close();
  a.close();
  EXPECT_TRUE(copy.closed());
  EXPECT_FALSE(copy.readable());
  EXPECT_FALSE(copy.writable());
  EXPECT_THROW(copy.send(1), UsageError);
  EXPECT_THROW(copy.send(std::string()), UsageError);
  EXPECT_THROW(copy.recv<int>(), UsageError);
  EXPECT_THROW(copy.poll(), UsageError);
  EXPECT_THROW(copy.fileno(), UsageError);
  EXPECT_THROW(copy.send_handle(0), UsageError);
  EXPECT_THROW(copy.recv_handle(), UsageError);
  EXPECT_THROW(b.send(copy), UsageError);
  const Queue<Connection> queue;
  EXPECT_THROW(queue.put(copy), UsageError);
}

TEST(Pipe, closing_ends_the_waits_of_other_threads) {
  auto [a, b] = Pipe();
  WaitingThread receiver([&, end = b] { EXPECT_THROW(end.recv<int>(), UsageError); });
  WaitingThread poller([&, end = b] { EXPECT_THROW(end.poll(forever), UsageError); });
  WaitingThread sender(
      [&, end = b] { EXPECT_THROW(for (;;) end.send(std::string(10'000, 'x')), UsageError); });
  for (auto* thread : {&receiver, &poller, &sender}) thread->until_asleep();
  b.close();
  receiver.join();
  poller.join();
  sender.join();
  EXPECT_TRUE(a.poll());
}

TEST(Pipe, a_slow_reader_holds_up_its_writer_and_not_the_arena) {
  for (const std::size_t size : {100u, 20'000u, 3'000'000u}) {
    const auto before = memory::arena_usage().used;
    const auto [a, b] = Pipe();
    const Queue<std::size_t> sent;
    Member writer([&] {
      for (std::size_t i = 0; i < 60'000'000 / size; ++i) {
        a.send_bytes(std::string(size, 'x'));
        sent.put(i);
      }
    });
    // It sleeps for want of room alone.
    eventually([&] { return !sent.empty(); });
    until_asleep(writer.pid());
    const std::size_t last = sent.qsize();
    EXPECT_LT(last * size, (2u << 20) + 2 * size);
    EXPECT_LT(memory::arena_usage().used, before + (8u << 20) + 4 * size);
    for (std::size_t i = 0; i < 60'000'000 / size; ++i) ASSERT_EQ(b.recv_bytes().size(), size);
    EXPECT_EQ(writer.wait(), 0);
  }
}

TEST(Pipe, a_message_beyond_the_quota_is_ArenaFull_at_once_and_the_pipe_goes_on) {
  const auto [a, b] = Pipe();
  const auto quota = memory::arena_usage().quota;
  memory::set_arena_quota(32 << 20);
  EXPECT_THROW(a.send(std::string(40 << 20, 'x')), ArenaFull);
  EXPECT_THROW(a.send_bytes(std::string(40 << 20, 'x')), ArenaFull);
  memory::set_arena_quota(quota);
  EXPECT_FALSE(b.poll());
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST(Pipe, its_end_comes_with_the_last_process_that_holds_the_other_end) {
  auto [a, b] = Pipe();
  const Event go;
  Member first([&] { go.wait(); });
  Member second([&] { go.wait(); });
  a.close();
  first.kill();
  first.wait();
  EXPECT_FALSE(b.poll(20ms));
  b.send(1);
  second.kill();
  second.wait();
  EXPECT_THROW(b.recv<int>(), EndOfFile);
  EXPECT_THROW(b.send(1), BrokenPipe);
}

TEST(Pipe, a_killed_process_wakes_those_who_wait_at_the_other_end) {
  auto [a, b] = Pipe();
  auto [c, d] = Pipe();
  const Event ready;
  Member holder([&] {
    b.close();
    d.close();
    ready.set();
    std::this_thread::sleep_for(1h);
  });
  a.close();
  c.close();
  ready.wait();
  WaitingThread receiver([&, end = b] { EXPECT_THROW(end.recv<int>(), EndOfFile); });
  WaitingThread sender(
      [&, end = d] { EXPECT_THROW(for (;;) end.send(std::string(10'000, 'x')), BrokenPipe); });
  receiver.until_asleep();
  sender.until_asleep();
  holder.kill();
  holder.wait();
  receiver.join();
  sender.join();
}

TEST(Pipe, ends_travel_as_messages_and_handles_in_messages_outlive_their_sender) {
  auto [a, b] = Pipe();
  Member sender([&] {
    auto [inner, other] = Pipe();
    inner.send(std::string("from the grave"));
    a.send(std::vector<Connection>{other});
    const Queue<int> queue;
    queue.put(7);
    a.send(queue);
  });
  EXPECT_EQ(sender.wait(), 0);
  const auto ends = b.recv<std::vector<Connection>>();
  EXPECT_EQ(ends.at(0).recv<std::string>(), "from the grave");
  EXPECT_THROW(ends.at(0).recv<int>(), EndOfFile);
  EXPECT_EQ(b.recv<Queue<int>>().get(), 7);
}

TEST(Pipe, several_processes_may_share_an_end) {
  const auto [a, b] = Pipe();
  constexpr int count = 2'000;
  const Queue<int> sums;
  const auto consume = [&] {
    int sum = 0;
    for (int n = b.recv<int>(); n >= 0; n = b.recv<int>()) sum += n;
    sums.put(sum);
  };
  Member first(consume);
  Member second(consume);
  Member producer([&] {
    for (int i = 0; i < count; ++i) a.send(i);
  });
  for (int i = 0; i < count; ++i) a.send(i);
  EXPECT_EQ(producer.wait(), 0);
  a.send(-1);
  a.send(-1);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  EXPECT_EQ(sums.get() + sums.get(), count * (count - 1));
}

TEST(Pipe, leaves_nothing_behind) {
  const auto objects = memory::live_objects();
  const auto before = memory::arena_usage().used;
  {
    const auto [a, b] = Pipe();
    for (int i = 0; i < 8; ++i) a.send_bytes(std::string(100'000, 'x'));
    a.send(Lock());
    a.send(Pipe().first);
    b.fileno();
  }
  EXPECT_EQ(memory::live_objects(), objects);
  memory::release_empty_slabs();
  EXPECT_LE(memory::arena_usage().used, before + 65536);
}

TEST(Pipe, descriptors_travel_between_processes) {
  auto [a, b] = Pipe();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Member receiver([&] {
    const int writer = b.recv_handle();
    EXPECT_EQ(::write(writer, "x", 1), 1);
    const int again = b.recv_handle();
    EXPECT_EQ(::write(again, "y", 1), 1);
  });
  a.send_handle(ends[1]);
  send_handle(a, ends[1]);
  char text[2]{};
  ASSERT_EQ(::read(ends[0], text, 1), 1);
  ASSERT_EQ(::read(ends[0], text + 1, 1), 1);
  EXPECT_EQ(std::string(text, 2), "xy");
  EXPECT_EQ(receiver.wait(), 0);
  // Here too, and in this very process.
  a.send_handle(ends[1]);
  const int mine = recv_handle(b);
  EXPECT_EQ(::write(mine, "z", 1), 1);
  for (const int fd : {mine, ends[0], ends[1]}) ::close(fd);
  EXPECT_THROW(a.send_handle(-1), std::system_error);
}

TEST(Pipe, a_descriptor_whose_sender_died_is_a_TransferError_that_says_so) {
  auto [a, b] = Pipe();
  const Event sent;
  Member sender([&] {
    a.send_handle(0);
    sent.set();
    std::this_thread::sleep_for(1h);
  });
  sent.wait();
  sender.kill();
  sender.wait();
  EXPECT_THROW_MESSAGE(b.recv_handle(), TransferError, "ended before it was received");
}

TEST(Pipe, behaves_as_two_queues_behind_an_end) {
  rc::check("any sequence of operations", [] {
    const auto [a, b] = Pipe();
    std::deque<std::string> model[2];
    const Connection* ends[2] = {&a, &b};
    const auto steps = *rc::gen::inRange(1, 100);
    for (int i = 0; i < steps; ++i) {
      const auto from = static_cast<std::size_t>(*rc::gen::inRange(0, 2));
      if (*rc::gen::inRange(0, 2) == 0) {
        const auto length = *rc::gen::weightedOneOf<int>(
            {{20, rc::gen::inRange(0, 40)}, {1, rc::gen::inRange(0, 5'000)}});
        const std::string text(static_cast<std::size_t>(length), static_cast<char>('a' + i % 26));
        ends[from]->send(text);
        model[from].push_back(text);
      } else {
        RC_ASSERT(ends[1 - from]->poll() == !model[from].empty());
        if (model[from].empty()) continue;
        RC_ASSERT(ends[1 - from]->recv<std::string>() == model[from].front());
        model[from].pop_front();
      }
    }
  });
}

}  // namespace
}  // namespace royong
