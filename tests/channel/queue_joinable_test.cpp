// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <array>   // for std::array
#include <chrono>  // for std::chrono_literals
#include <deque>   // for std::deque
#include <memory>  // for std::unique_ptr
#include <string>  // for std::string
#include <thread>  // for std::thread

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/waiting_thread.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::Member;
using royong_test::WaitingThread;

TEST(JoinableQueue, join_returns_when_every_message_is_done_and_not_when_it_is_taken) {
  const JoinableQueue<int> queue;
  EXPECT_TRUE(queue.join()) << "nothing was put";
  queue.put(1);
  queue.put(2);
  EXPECT_FALSE(queue.join(0s));
  queue.get();
  queue.get();
  EXPECT_FALSE(queue.join(1ms)) << "taken, and not done";
  queue.task_done();
  EXPECT_FALSE(queue.join(0s));
  queue.task_done();
  EXPECT_TRUE(queue.join());
  EXPECT_EQ(queue.lost(), 0u);
}

TEST(JoinableQueue, task_done_too_often_is_refused) {
  const JoinableQueue<int> queue;
  EXPECT_THROW_MESSAGE(queue.task_done(), UsageError, "called too many times");
  queue.put(1);
  queue.task_done();  // as in Python: it counts puts, not gets
  EXPECT_THROW_MESSAGE(queue.task_done(), UsageError, "called too many times");
  EXPECT_TRUE(queue.join(0s));
  EXPECT_EQ(queue.get(), 1);
}

TEST(JoinableQueue, join_waits_for_consumers_in_other_processes) {
  constexpr int count = 3000;
  const JoinableQueue<int> queue(10);
  const Value<int> done;
  std::array<std::unique_ptr<Member>, 2> consumers;
  for (auto& consumer : consumers) {
    consumer = std::make_unique<Member>([&] {
      for ([[maybe_unused]] auto& number : queue) {
        done += 1;
        queue.task_done();
      }
    });
  }
  for (int i = 0; i < count; ++i) queue.put(i);
  EXPECT_TRUE(queue.join());
  EXPECT_EQ(done.load(), count);
  queue.shutdown();
  for (auto& consumer : consumers) EXPECT_EQ(consumer->wait(), 0);
}

TEST(JoinableQueue, batches_and_large_messages_count_as_well) {
  const JoinableQueue<std::string> queue;
  const std::vector<std::string> messages{std::string(5, 'a'), std::string(100'000, 'b'), ""};
  EXPECT_EQ(queue.put_many(messages), 3u);
  std::size_t taken = 0;
  while (taken < 3) {
    for ([[maybe_unused]] const auto& message : queue.get_many(3)) {
      ++taken;
      EXPECT_FALSE(queue.join(0s));
      queue.task_done();
    }
  }
  EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, an_immediate_shutdown_ends_join_for_what_it_drops) {
  const JoinableQueue<int> queue;
  for (int i = 0; i < 10; ++i) queue.put(i);
  EXPECT_EQ(queue.get(), 0);
  std::thread joining([&] { EXPECT_TRUE(queue.join()); });
  queue.shutdown(true);
  EXPECT_FALSE(queue.join(0s)) << "one was taken before";
  queue.task_done();
  joining.join();
}

TEST(JoinableQueue, close_ends_the_join_of_another_thread) {
  const JoinableQueue<int> queue;
  queue.put(1);
  WaitingThread joining([&] { EXPECT_THROW(queue.join(), UsageError); });
  joining.until_asleep();
  queue.close();
  joining.join();
  EXPECT_THROW(queue.task_done(), UsageError);
}

TEST(JoinableQueue, what_a_killed_consumer_had_in_hand_is_lost_and_keeps_no_join_waiting) {
  const JoinableQueue<int> queue;
  const Event taken;
  for (int i = 0; i < 5; ++i) queue.put(i);
  Member consumer([&] {
    for (int i = 0; i < 3; ++i) queue.get();
    queue.task_done();
    taken.set();
    for (;;) ::pause();
  });
  taken.wait();
  consumer.kill();
  consumer.wait();
  EXPECT_EQ(queue.lost(), 2u);
  EXPECT_EQ(queue.qsize(), 2u);
  EXPECT_FALSE(queue.join(0s));
  for (int i = 3; i < 5; ++i) {
    EXPECT_EQ(queue.get(), i);
    queue.task_done();
  }
  EXPECT_TRUE(queue.join());
  EXPECT_THROW(queue.task_done(), UsageError);
}

TEST(JoinableQueue, a_join_that_waits_for_a_process_ends_when_that_is_killed) {
  const JoinableQueue<int> queue;
  const Event taken;
  queue.put(1);
  Member consumer([&] {
    queue.get();
    taken.set();
    for (;;) ::pause();
  });
  taken.wait();
  std::thread joining([&] { EXPECT_TRUE(queue.join()); });
  consumer.kill();
  consumer.wait();
  joining.join();
  EXPECT_EQ(queue.lost(), 1u);
}

TEST(JoinableQueue, what_was_in_hand_is_settled_although_the_handle_was_gone_before_its_process) {
  auto queue = std::make_unique<JoinableQueue<int>>();
  const Queue<JoinableQueue<int>> handles;
  const Event taken;
  queue->put(1);
  Member consumer([&] {
    queue->get();
    queue.reset();
    taken.set();
    for (;;) ::pause();
  });
  taken.wait();
  EXPECT_FALSE(queue->join(0s));
  consumer.kill();
  consumer.wait();
  EXPECT_TRUE(queue->join());
  EXPECT_EQ(queue->lost(), 1u);
}

TEST(JoinableQueue, tasks_reported_by_another_process_than_the_taker_keep_no_join_waiting) {
  const JoinableQueue<int> queue;
  queue.put(1);
  queue.put(2);
  const Event taken;
  const Event reported;
  Member taker([&] {
    EXPECT_EQ(queue.get(), 1);
    taken.set();
    reported.wait();
  });
  Member reporter([&] {
    taken.wait();
    queue.task_done();
    EXPECT_EQ(queue.get(), 2);
    queue.task_done();
    reported.set();
  });
  EXPECT_EQ(reporter.wait(), 0);
  EXPECT_TRUE(queue.join());
  EXPECT_EQ(taker.wait(), 0);
  EXPECT_EQ(queue.lost(), 0u) << "both were done before it ended";
  EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, under_kills_every_message_is_done_or_lost_and_join_returns) {
  constexpr int kills = 150;
  const JoinableQueue<std::uint64_t> queue;
  const Value<std::uint64_t> done;
  const auto consume = [&] {
    for (;;) {
      const auto some = queue.get_many(3);
      for (std::size_t i = 0; i < some.size(); ++i) {
        done += 1;
        queue.task_done();
      }
    }
  };
  std::array<std::unique_ptr<Member>, 2> consumers;
  for (auto& consumer : consumers) consumer = std::make_unique<Member>(consume);
  auto random = royong_test::random_engine();
  std::uint64_t put = 0;
  for (int i = 0; i < kills; ++i) {
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 2000);
    while (std::chrono::steady_clock::now() < until && queue.qsize() < 1000) queue.put(put++);
    auto& victim = consumers[random() % consumers.size()];
    victim->kill();
    victim->wait();
    victim = std::make_unique<Member>(consume);
  }
  EXPECT_TRUE(queue.join());
  // Killed between the two: counted in `done`, and then as lost. Killed while reporting: at most one a kill.
  const auto lost = queue.lost();
  std::cout << kills << " kills, " << put << " messages, " << done.load() << " done, " << lost
            << " lost\n";
  EXPECT_LE(lost, 3u * kills);
  EXPECT_GE(done.load() + lost, put);
  EXPECT_LE(done.load() + lost, put + kills);
  for (auto& consumer : consumers) {
    consumer->kill();
    consumer->wait();
  }
  EXPECT_TRUE(queue.join(0s));
  EXPECT_THROW(queue.task_done(), UsageError) << "the account is closed";
}

TEST(JoinableQueue, behaves_as_a_deque_and_a_count_of_what_is_not_done) {
  rc::check("any sequence of operations", [] {
    const auto maxsize = *rc::gen::inRange(0, 5);
    const JoinableQueue<std::vector<std::string>> queue(
        maxsize);  // neither plain nor a plain range
    std::deque<std::vector<std::string>> model;
    std::size_t not_done = 0;
    const auto steps = *rc::gen::inRange(1, 100);
    for (int i = 0; i < steps; ++i) {
      const bool full = maxsize != 0 && model.size() >= static_cast<std::size_t>(maxsize);
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1: {
          const std::vector<std::string> message(
              *rc::gen::inRange<std::size_t>(0, 3),
              std::string(*rc::gen::element(0U, 9U, 9000U), 'm'));
          RC_ASSERT(queue.try_put(message) == !full);
          if (!full) {
            model.push_back(message);
            ++not_done;
          }
          break;
        }
        case 2: {
          const auto got = queue.get_many(*rc::gen::inRange(1, 4), 0s);
          RC_ASSERT(got.empty() == model.empty());
          for (const auto& message : got) {
            RC_ASSERT(message == model.front());
            model.pop_front();
          }
          break;
        }
        case 3:
          if (not_done == 0) {
            RC_ASSERT_THROWS_AS(queue.task_done(), UsageError);
          } else {
            queue.task_done();
            --not_done;
          }
          break;
        default: break;
      }
      RC_ASSERT(queue.qsize() == model.size());
      RC_ASSERT(queue.join(0s) == (not_done == 0));
    }
    queue.shutdown(true);
    RC_ASSERT(queue.empty());
    RC_ASSERT(queue.join(0s) == (not_done <= model.size()));
  });
}

TEST(JoinableQueue, ends_with_its_last_handle_and_leaves_nothing) {
  const auto objects = memory::live_objects();
  {
    const JoinableQueue<std::string> queue;
    queue.put(std::string(100'000, 'x'));
  }
  EXPECT_EQ(memory::live_objects(), objects);
}

TEST(SimpleQueue, puts_gets_and_tells_whether_it_is_empty) {
  const SimpleQueue<std::string> queue;
  EXPECT_TRUE(queue.empty());
  queue.put("a");
  EXPECT_FALSE(queue.empty());
  Member other([&] {
    EXPECT_EQ(queue.get(), "a");
    queue.put("b");
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(queue.get(), "b");
  EXPECT_THROW(queue.get(1ms), Empty);
}

TEST(SimpleQueue, after_close_every_member_is_refused_and_closing_again_is_not) {
  const SimpleQueue<int> queue;
  queue.close();
  queue.close();
  EXPECT_THROW(queue.put(1), UsageError);
  EXPECT_THROW(queue.get(), UsageError);
  EXPECT_THROW(queue.empty(), UsageError);
  EXPECT_THROW(queue.fileno(), UsageError);
}

TEST(SimpleQueue, its_handle_is_a_message) {
  const SimpleQueue<SimpleQueue<int>> queues;
  Member other([&] {
    const SimpleQueue<int> mine;
    mine.put(5);
    queues.put(mine);
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(queues.get().get(), 5);
}

}  // namespace
}  // namespace royong
