// SPDX-License-Identifier: Apache-2.0
// Semaphores, conditions and barriers as arguments, messages and results, in every start method; and the deaths of whole processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>  // for std::chrono_literals
#include <mutex>   // for std::scoped_lock
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "memory/objects.hpp"
#include "process/every_start_method.hpp"
#include "royong/bind_front.hpp"
#include "royong/pool.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;

class PrimitivesEveryStartMethod : public royong_test::EveryStartMethod {};
ROYONG_EVERY_START_METHOD(PrimitivesEveryStartMethod);

void work_together(Semaphore permits, BoundedSemaphore bounded, Condition turn, Condition over_lock,
                   Barrier barrier, RawArray<int> totals, int me) {
  for (int i = 0; i < 200; ++i) {
    {
      const std::scoped_lock guard(permits);
      totals[0] += 1;
    }
    {
      const std::scoped_lock guard(bounded);
      totals[1] += 1;
    }
    {
      const std::scoped_lock guard(turn);
      turn.wait_for([&] { return totals[2] % 3 == me; });
      totals[2] += 1;
      turn.notify_all();
    }
    {
      const std::scoped_lock guard(over_lock);
      totals[3] += 1;
    }
    barrier.wait();
  }
}

void count(RawArray<int> totals) { totals[4] += 1; }

TEST_P(PrimitivesEveryStartMethod, travel_as_arguments_and_name_the_same_objects) {
  const RawArray<int> totals(5);
  const Semaphore permits(1);
  const BoundedSemaphore bounded(1);
  const Condition turn;
  const Condition over_lock{Lock()};
  const Barrier barrier(3, bind_front(count, totals));
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) {
    processes.push_back(
        context().process(work_together, permits, bounded, turn, over_lock, barrier, totals, i));
  }
  for (auto& process : processes) process.start();
  std::thread third([&] { work_together(permits, bounded, turn, over_lock, barrier, totals, 2); });
  third.join();
  for (auto& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(totals[i], 600) << i;
  EXPECT_EQ(totals[4], 200) << "the action, once a round";
}

struct Box {
  Semaphore semaphore;
  BoundedSemaphore bounded;
  Condition condition;
  Barrier barrier;
};

void add(Value<int> total) { total += 1; }

/// Everything is made here, and this process ends before anybody uses it.
Box make_box(Value<int> total) {
  Box box{Semaphore(7), BoundedSemaphore(2), Condition(Lock()), Barrier(1, bind_front(add, total))};
  box.bounded.acquire();
  return box;
}

void send_box(Queue<Box> queue, Value<int> total) { queue.put(make_box(total)); }

void check(const Box& box, const Value<int>& total, int free) {
  EXPECT_EQ(box.semaphore.get_value(), 7);
  EXPECT_EQ(box.bounded.get_value(), free);
  const std::scoped_lock guard(box.condition);
  EXPECT_FALSE(box.condition.wait(0s));
  const int before = total.load();
  EXPECT_EQ(box.barrier.wait(), 0);
  EXPECT_EQ(total.load(), before + 1);
}

TEST_P(PrimitivesEveryStartMethod, travel_in_messages_and_outlive_their_maker) {
  const auto objects = memory::live_objects();
  {
    const Queue<Box> queue;
    const Value<int> total;
    auto process = context().process(send_box, queue, total);
    process.start();
    process.join();
    check(queue.get(), total, 2);  // what the finished process held came back
  }
  EXPECT_EQ(memory::live_objects(), objects);
}

TEST_P(PrimitivesEveryStartMethod, travel_as_results) {
  const Value<int> total;
  Pool pool(1, {.start_method = GetParam()});
  const Box box = pool.apply(make_box, total);
  check(box, total, 1);
}

void nested(StartMethod method, Barrier barrier, Semaphore done, int depth) {
  if (depth > 0) {
    auto child = get_context(method).process(nested, method, barrier, done, depth - 1);
    child.start();
    barrier.wait();
    child.join();
  } else {
    barrier.wait();
  }
  done.release();
}

TEST_P(PrimitivesEveryStartMethod, travel_on_to_nested_processes) {
  const Barrier barrier(4);
  const Semaphore done(0);
  auto process = context().process(nested, GetParam(), barrier, done, 2);
  process.start();
  barrier.wait();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(done.acquire());
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

void hold(BoundedSemaphore bounded, Semaphore returning, Event taken) {
  bounded.acquire();
  bounded.acquire();
  returning.acquire();
  taken.set();
  std::this_thread::sleep_for(1h);
}

TEST_P(PrimitivesEveryStartMethod, permits_of_a_killed_process_come_back) {
  const BoundedSemaphore bounded(2);
  const Semaphore returning(1, {.return_on_death = true});
  const Event taken;
  auto process = context().process(hold, bounded, returning, taken);
  process.start();
  taken.wait();
  EXPECT_FALSE(bounded.acquire(false));
  process.kill();
  EXPECT_TRUE(bounded.acquire());
  EXPECT_TRUE(returning.acquire());
  process.join();
  EXPECT_EQ(bounded.get_value(), 1);
}

void wait_at(Barrier barrier, Value<int> broken) {
  try {
    barrier.wait();
  } catch (const BrokenBarrierError&) {
    broken += 1;
  }
}

TEST_P(PrimitivesEveryStartMethod, a_killed_party_breaks_the_barrier) {
  const Barrier barrier(4);
  const Value<int> broken;
  auto victim = context().process(wait_at, barrier, broken);
  auto other = context().process(wait_at, barrier, broken);
  victim.start();
  other.start();
  eventually([&] { return barrier.n_waiting() == 2; });
  victim.kill();
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  other.join();
  victim.join();
  EXPECT_EQ(broken.load(), 1);
}

void wait_on(Condition condition, Value<int> waiting, Value<int> woken) {
  const std::scoped_lock guard(condition);
  waiting += 1;
  condition.wait();
  woken += 1;
}

TEST_P(PrimitivesEveryStartMethod, a_killed_waiter_takes_no_notification_from_the_others) {
  const Condition condition;
  const Value<int> waiting;
  const Value<int> woken;
  auto victim = context().process(wait_on, condition, waiting, woken);
  auto other = context().process(wait_on, condition, waiting, woken);
  const auto waits = [&](int n) {
    const std::scoped_lock guard(condition);
    return waiting.load() == n;
  };
  victim.start();
  eventually([&] { return waits(1); });
  other.start();
  eventually([&] { return waits(2); });
  ::kill(*victim.pid(), SIGSTOP);
  {
    const std::scoped_lock guard(condition);
    condition.notify();
  }
  victim.kill();
  other.join();
  victim.join();
  EXPECT_EQ(woken.load(), 1);
}

}  // namespace
}  // namespace royong
