// SPDX-License-Identifier: Apache-2.0
#include "royong/queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono_literals
#include <deque>    // for std::deque
#include <map>      // for std::map
#include <memory>   // for std::make_unique
#include <numeric>  // for std::iota
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::Member;
using royong_test::WaitingThread;

/// Bytes that belong to neither an empty slab nor a leak: what is used when nothing is.
std::uint64_t used_bytes() { return memory::arena_usage().used; }

TEST(Queue, gives_messages_in_the_order_of_their_puts) {
  const Queue<int> queue;
  EXPECT_TRUE(queue.empty());
  for (int i = 0; i < 10; ++i) queue.put(i);
  EXPECT_EQ(queue.qsize(), 10u);
  EXPECT_FALSE(queue.empty());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(queue.get(), i);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, takes_a_list_in_braces) {
  const Queue<std::string> queue(3);
  EXPECT_EQ(queue.put_many({"a", "b"}), 2u);
  EXPECT_EQ(queue.put_many({"c", "d"}, 0s), 1u);
  EXPECT_EQ(queue.get_many(9), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Queue, may_be_left_out_of_an_aggregate) {
  struct Desk {
    std::string name;
    Queue<int> in;
    JoinableQueue<int> out;
  };
  const Desk desk{"a", {}, {}};
  desk.in.put(1);
  desk.out.put(2);
  EXPECT_FALSE(desk.in.full());
  EXPECT_EQ(desk.in.get() + desk.out.get(), 3);
}

TEST(Queue, carries_every_transferable_type) {
  const Queue<std::map<std::string, std::vector<double>>> maps;
  maps.put({{"a", {1, 2}}, {"b", {}}});
  EXPECT_EQ(maps.get().at("a"), (std::vector<double>{1, 2}));
  const Queue<std::unique_ptr<std::string>> pointers;
  pointers.put(std::make_unique<std::string>("moved only"));
  EXPECT_EQ(*pointers.get(), "moved only");
  const Queue<std::string> strings;
  strings.put("Data dari proses!");
  strings.put("");
  EXPECT_EQ(strings.get(), "Data dari proses!");
  EXPECT_EQ(strings.get(), "");
}

TEST(Queue, a_put_that_returned_is_there_for_get_nowait_in_any_process) {
  const Queue<int> queue;
  const Queue<int> answers;
  Member other([&] {
    for (int i = 0; i < 500; ++i) answers.put(queue.get());
  });
  for (int i = 0; i < 500; ++i) {
    queue.put(i);
    EXPECT_EQ(answers.get(), i);
  }
  EXPECT_EQ(other.wait(), 0);
  queue.put(1);
  EXPECT_EQ(queue.get_nowait(), 1);
}

TEST(Queue, an_empty_one_gives_nothing_within_a_time) {
  const Queue<int> queue;
  EXPECT_THROW(queue.get_nowait(), Empty);
  EXPECT_THROW(queue.get(1ms), Empty);
  EXPECT_THROW(queue.get(-1s), Empty);
  EXPECT_FALSE(queue.try_get());
  EXPECT_FALSE(queue.try_get(120ms));
  EXPECT_TRUE(queue.get_many(5, 1ms).empty());
}

TEST(Queue, a_full_one_takes_nothing_within_a_time) {
  const Queue<int> queue(2);
  queue.put(1);
  EXPECT_FALSE(queue.full());
  queue.put(2);
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait(3), Full);
  EXPECT_THROW(queue.put(3, 120ms), Full);
  EXPECT_FALSE(queue.try_put(3));
  EXPECT_FALSE(queue.try_put(3, 1ms));
  EXPECT_EQ(queue.put_many(std::vector<int>{3, 4}, 1ms), 0u);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.put_many(std::vector<int>{3, 4}, 1ms), 1u);
  EXPECT_EQ(queue.get(), 2);
  EXPECT_EQ(queue.get(), 3);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, of_a_negative_size_or_count_is_refused) {
  EXPECT_THROW(Queue<int>(-1), UsageError);
  EXPECT_THROW(Queue<int>().get_many(-1), UsageError);
  EXPECT_TRUE(Queue<int>().get_many(0).empty());
}

TEST(Queue, a_put_waits_until_a_consumer_makes_room) {
  const Queue<int> queue(1);
  Member producer([&] {
    for (int i = 0; i < 1000; ++i) queue.put(i);
  });
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(queue.get(), i);
  EXPECT_EQ(producer.wait(), 0);
}

TEST(Queue, messages_of_any_length_arrive_whole) {
  const Queue<std::string> queue;
  const std::vector<std::size_t> lengths = {
      0, 1, 7, 8, 255, 256, 4'000, 16'383, 16'384, 16'385, 65'536, 100'000, 1'000'000, 20'000'000};
  Member producer([&] {
    for (const auto n : lengths) queue.put(std::string(n, static_cast<char>('a' + n % 26)));
    queue.put("between");
    for (const auto n : lengths) queue.put(std::string(n, static_cast<char>('a' + n % 26)));
  });
  for (const auto n : lengths)
    ASSERT_EQ(queue.get(), std::string(n, static_cast<char>('a' + n % 26)));
  EXPECT_EQ(queue.get(), "between");
  for (const auto n : lengths)
    ASSERT_EQ(queue.get(), std::string(n, static_cast<char>('a' + n % 26)));
  EXPECT_EQ(producer.wait(), 0);
}

TEST(Queue, grows_without_a_consumer_and_its_memory_returns_when_drained) {
  const Queue<std::array<int, 25>> queue;
  const auto before = used_bytes();
  constexpr int count = 50'000;
  for (int i = 0; i < count; ++i) queue.put({i});
  EXPECT_GT(used_bytes(), before + 4'000'000);
  for (int i = 0; i < count; ++i) ASSERT_EQ(queue.get()[0], i);
  // What stays is the segment that it is in and a spare one.
  EXPECT_LT(used_bytes(), before + 300'000);
}

TEST(Queue, beyond_the_quota_a_put_is_ArenaFull_at_once_and_the_queue_goes_on) {
  const Queue<std::string> queue;
  const auto quota = memory::arena_usage().quota;
  memory::set_arena_quota(32 << 20);
  EXPECT_THROW(queue.put(std::string(40 << 20, 'x')), ArenaFull);
  EXPECT_TRUE(queue.empty());
  std::size_t count = 0;
  EXPECT_THROW(for (;; ++count) { queue.put(std::string(1000, 'x')); }, ArenaFull);
  EXPECT_GT(count, 10'000u);
  EXPECT_EQ(queue.qsize(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(queue.get().size(), 1000u);
  queue.put("again");
  EXPECT_EQ(queue.get(), "again");
  memory::set_arena_quota(quota);
}

TEST(Queue, batches_keep_the_order_and_take_what_is_there) {
  const Queue<int> queue;
  std::vector<int> numbers(100'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  Member producer([&] { EXPECT_EQ(queue.put_many(numbers), numbers.size()); });
  int expected = 0;
  while (expected < 100'000) {
    const auto some = queue.get_many(64);
    ASSERT_FALSE(some.empty());
    ASSERT_LE(some.size(), 64u);
    for (const int n : some) ASSERT_EQ(n, expected++);
  }
  EXPECT_EQ(producer.wait(), 0);
}

TEST(Queue, batches_mix_small_and_large_messages) {
  const Queue<std::string> queue;
  std::vector<std::string> messages;
  for (std::size_t i = 0; i < 60; ++i) messages.emplace_back(i % 3 == 0 ? 40'000 + i : i, 'm');
  EXPECT_EQ(queue.put_many(messages), messages.size());
  std::vector<std::string> got;
  while (got.size() < messages.size()) {
    for (auto& message : queue.get_many(7)) got.push_back(std::move(message));
  }
  EXPECT_EQ(got, messages);
}

TEST(Queue, per_producer_order_holds_with_several_producers_and_consumers) {
  struct Item {
    int producer;
    int number;
  };
  const Queue<Item> queue(100);
  const Queue<int> totals;
  constexpr int count = 5'000;
  std::vector<std::unique_ptr<Member>> members;
  for (int p = 0; p < 2; ++p) {
    members.push_back(std::make_unique<Member>([&, p] {
      for (int i = 0; i < count; ++i) queue.put({p, i});
    }));
  }
  for (int c = 0; c < 2; ++c) {
    members.push_back(std::make_unique<Member>([&] {
      int last[2] = {-1, -1};
      int taken = 0;
      for (auto& [producer, number] : queue) {
        EXPECT_LT(last[producer], number);
        last[producer] = number;
        ++taken;
      }
      totals.put(taken);
    }));
  }
  EXPECT_EQ(members[0]->wait(), 0);
  EXPECT_EQ(members[1]->wait(), 0);
  queue.shutdown();
  EXPECT_EQ(members[2]->wait(), 0);
  EXPECT_EQ(members[3]->wait(), 0);
  EXPECT_EQ(totals.get() + totals.get(), 2 * count);
}

TEST(Queue, shut_down_drains_and_then_ends_every_loop_and_wait) {
  const Queue<int> queue(2);
  queue.put(1);
  queue.put(2);
  WaitingThread blocked([&] { EXPECT_THROW(queue.put(3), ShutDown); });
  blocked.until_asleep();
  queue.shutdown();
  queue.shutdown();
  blocked.join();
  EXPECT_THROW(queue.put(3), ShutDown);
  int sum = 0;
  for (auto& n : queue) sum += n;
  EXPECT_EQ(sum, 3);
  EXPECT_THROW(queue.get(), ShutDown);
  EXPECT_THROW(queue.try_get(), ShutDown);
  EXPECT_THROW(queue.get_many(3), ShutDown);
}

TEST(Queue, shut_down_wakes_who_waits_for_a_message_in_another_process) {
  const Queue<std::string> queue;
  Member waiting([&] { EXPECT_THROW(queue.get(), ShutDown); });
  queue.shutdown();
  EXPECT_EQ(waiting.wait(), 0);
}

TEST(Queue, shut_down_at_once_drops_what_is_there) {
  const Queue<std::string> queue;
  queue.put("small");
  queue.put(std::string(100'000, 'x'));
  queue.shutdown(true);
  EXPECT_THROW(queue.get(), ShutDown);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, close_ends_the_waits_of_this_process_alone) {
  const Queue<int> queue;
  const Queue<int> copy = queue;
  const Event closed;
  Member other([&] {
    closed.wait();
    queue.put(7);
    EXPECT_EQ(queue.get(), 7);
  });
  WaitingThread waiting([&] { EXPECT_THROW(copy.get(), UsageError); });
  waiting.until_asleep();
  queue.close();
  waiting.join();
  EXPECT_THROW(queue.put(1), UsageError);
  EXPECT_THROW(copy.try_get(), UsageError);
  queue.close();
  closed.set();
  EXPECT_EQ(other.wait(), 0);
}

TEST(Queue, carries_handles_that_outlive_their_sender) {
  const Queue<Queue<int>> queues;
  Member sender([&] {
    const Queue<int> mine;
    mine.put(42);
    queues.put(mine);
  });
  EXPECT_EQ(sender.wait(), 0);
  EXPECT_EQ(queues.get().get(), 42);
}

TEST(Queue, that_carries_its_own_handle_ends_with_its_last_holder) {
  struct Letter {
    std::vector<Queue<Letter>> answer_to;
  };
  const auto objects = memory::live_objects();
  {
    const Queue<Letter> queue;
    for (int i = 0; i < 3; ++i) queue.put({{queue}});
    EXPECT_EQ(queue.get().answer_to.at(0).qsize(), 2u);
    Member other([&] { EXPECT_EQ(queue.get().answer_to.at(0).qsize(), 1u); });
    EXPECT_EQ(other.wait(), 0);
  }
  EXPECT_EQ(memory::live_objects(), objects);
}

TEST(Queue, a_batch_that_is_put_in_part_keeps_no_handle_of_the_rest) {
  const auto objects = memory::live_objects();
  const Queue<Lock> queue(2);
  {
    const std::vector<Lock> locks(5);
    EXPECT_EQ(queue.put_many(locks, 0s), 2u);
    EXPECT_EQ(memory::live_objects(), objects + 6);
  }
  EXPECT_EQ(memory::live_objects(), objects + 3);
  EXPECT_TRUE(queue.get().acquire());
  EXPECT_TRUE(queue.get().acquire());
  EXPECT_EQ(memory::live_objects(), objects + 1);
}

TEST(Queue, of_which_nobody_has_a_handle_any_more_is_a_TransferError_to_who_gets_its_name) {
  detail::Writer writer;  // an argument: its sender would have to keep the queue
  {
    const Queue<int> queue;
    writer(queue);
    writer.take_kept();
  }
  detail::Reader reader(writer.bytes());
  EXPECT_THROW_MESSAGE(reader.read<Queue<int>>(), TransferError, "is gone");
}

TEST(Queue, of_another_type_or_kind_is_refused_where_a_handle_arrives) {
  const Queue<int> queue;
  detail::Writer writer;
  writer(queue);
  const auto held = writer.take_kept();
  EXPECT_THROW(detail::Reader(writer.bytes()).read<Queue<long>>(), TransferError);
  EXPECT_THROW(detail::Reader(writer.bytes()).read<JoinableQueue<int>>(), TransferError);
  EXPECT_EQ(detail::Reader(writer.bytes()).read<Queue<int>>().qsize(), 0u);
}

TEST(Queue, a_put_that_waits_for_room_goes_on_with_the_next_consumer_when_one_is_killed) {
  const Queue<int> queue(1);
  const Event took;
  Member producer([&] {
    for (int i = 0; i < 100; ++i) queue.put(i);
  });
  Member first([&] {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(queue.get(), i);
    took.set();
    for (;;) ::pause();
  });
  took.wait();
  first.kill();
  first.reap_without_sweep();
  for (int i = 10; i < 100; ++i) EXPECT_EQ(queue.get(), i);
  EXPECT_EQ(producer.wait(), 0);
}

TEST(Queue, is_destroyed_with_its_last_handle_and_takes_its_messages_with_it) {
  const auto objects = memory::live_objects();
  const auto before = used_bytes();
  {
    const Queue<std::string> queue;
    const Queue<Lock> locks;
    for (int i = 0; i < 100; ++i) queue.put(std::string(100'000, 'x'));
    for (int i = 0; i < 1000; ++i) queue.put("small");
    locks.put(Lock());
    EXPECT_GT(used_bytes(), before);
  }
  EXPECT_EQ(memory::live_objects(), objects);
  memory::release_empty_slabs();  // kept for the next allocation otherwise
  EXPECT_LE(used_bytes(), before + 65536);
}

TEST(Queue, behaves_as_a_deque_behind_a_limit) {
  rc::check("any sequence of operations", [] {
    const int maxsize = *rc::gen::inRange(0, 6);
    const Queue<std::string> queue(maxsize);
    std::deque<std::string> model;
    const auto is_full = [&] {
      return maxsize != 0 && model.size() >= static_cast<std::size_t>(maxsize);
    };
    const auto steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
      const auto kind = *rc::gen::inRange(0, 10);
      if (kind < 4) {
        const auto length = *rc::gen::weightedOneOf<int>({{20, rc::gen::inRange(0, 40)},
                                                          {5, rc::gen::inRange(0, 20'000)},
                                                          {1, rc::gen::just(70'000)}});
        const std::string message(static_cast<std::size_t>(length),
                                  static_cast<char>('a' + i % 26));
        RC_ASSERT(queue.try_put(message) == !is_full());
        if (!is_full()) model.push_back(message);
      } else if (kind < 7) {
        const auto got = queue.try_get();
        RC_ASSERT(got.has_value() == !model.empty());
        if (got) {
          RC_ASSERT(*got == model.front());
          model.pop_front();
        }
      } else if (kind == 7) {
        std::vector<std::string> many(static_cast<std::size_t>(*rc::gen::inRange(0, 30)), "batch");
        const auto put = queue.put_many(many, 0s);
        for (std::size_t n = 0; n < put; ++n) {
          RC_ASSERT(!is_full());
          model.push_back("batch");
        }
        RC_ASSERT(put == many.size() || is_full());
      } else if (kind == 8) {
        for (auto& message : queue.get_many(*rc::gen::inRange(0, 10), 0s)) {
          RC_ASSERT(message == model.front());
          model.pop_front();
        }
      }
      RC_ASSERT(queue.qsize() == model.size());
      RC_ASSERT(queue.empty() == model.empty());
      RC_ASSERT(queue.full() == is_full());
    }
  });
}

}  // namespace
}  // namespace royong
