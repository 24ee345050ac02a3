// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Calls that nobody wants any more: those that wait leave having done nothing, those that have begun go on.
 */
#include <gtest/gtest.h>

#include <atomic>  // for std::atomic
#include <chrono>  // for std::chrono_literals
#include <string>  // for std::string
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "manager/objects/barrier.hpp"
#include "manager/objects/condition.hpp"
#include "manager/objects/event.hpp"
#include "manager/objects/lock.hpp"
#include "manager/objects/semaphore.hpp"
#include "manager/parked.hpp"
#include "manager/sink.hpp"
#include "royong/detail/manager/objects/queue.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using detail::ServedBarrier;
using detail::ServedBoundedSemaphore;
using detail::ServedCondition;
using detail::ServedEvent;
using detail::ServedJoinableQueue;
using detail::ServedLock;
using detail::ServedQueue;
using detail::ServedSemaphore;
using test::Client;

// ---- The served objects, without a server ----

struct CancelledCalls : testing::Test {
  detail::Timers timers;
  Client a{1, timers};
  Client b{2, timers};
  Client c{3, timers};
};

TEST_F(CancelledCalls, are_the_callers_alone) {
  ServedLock lock;
  a.get<&ServedLock::acquire>(lock, forever);
  const auto waiting = b.call<&ServedLock::acquire>(lock, forever);
  lock.cancel({c.session(), waiting});  // the number is another client's
  lock.cancel(b.id(waiting + 1));
  EXPECT_FALSE(b.is_answered(waiting));
  lock.cancel(b.id(waiting));
  EXPECT_THROW(b.result<bool>(waiting), CancelledError);
  lock.cancel(b.id(waiting));
  a.get<&ServedLock::release>(lock);
  EXPECT_FALSE(lock.locked());
}

TEST_F(CancelledCalls, leave_no_timer) {
  ServedEvent event;
  const auto waiting = a.call<&ServedEvent::wait>(event, 10s);
  event.cancel(a.id(waiting));
  EXPECT_EQ(timers.size(), 0U);
  event.set();
  EXPECT_THROW(a.result<bool>(waiting), CancelledError);
}

TEST_F(CancelledCalls, take_no_permit) {
  ServedSemaphore semaphore(0);
  ServedBoundedSemaphore bounded(1);
  b.get<&ServedBoundedSemaphore::acquire>(bounded, forever);
  const auto first = a.call<&ServedSemaphore::acquire>(semaphore, forever);
  const auto second = a.call<&ServedBoundedSemaphore::acquire>(bounded, forever);
  semaphore.cancel(a.id(first));
  bounded.cancel(a.id(second));
  b.get<&ServedSemaphore::release>(semaphore, 1);
  b.get<&ServedBoundedSemaphore::release>(bounded, 1);
  EXPECT_EQ(semaphore.get_value(), 1);
  EXPECT_EQ(bounded.get_value(), 1);
}

TEST_F(CancelledCalls, are_not_counted_at_a_barrier) {
  ServedBarrier barrier(2, forever);
  const auto first = a.call<&ServedBarrier::wait>(barrier);
  barrier.cancel(a.id(first));
  EXPECT_THROW(a.result<int>(first), CancelledError);
  EXPECT_FALSE(barrier.broken());
  const auto second = b.call<&ServedBarrier::wait>(barrier);
  EXPECT_FALSE(b.is_answered(second));
  EXPECT_EQ(c.get<&ServedBarrier::wait>(barrier), 1);
  EXPECT_EQ(b.result<int>(second), 0);
}

TEST_F(CancelledCalls, of_a_queue_neither_take_nor_put) {
  using Queue = ServedJoinableQueue<int>;
  Queue queue(1);
  const auto get = a.call<&Queue::get>(queue, std::size_t{1}, forever);
  queue.cancel(a.id(get));
  EXPECT_EQ(b.get<&Queue::put>(queue, 1, forever), 1U);
  EXPECT_THROW(a.result<std::vector<int>>(get), CancelledError);
  const auto put = a.call<&Queue::put>(queue, 2, forever);
  const auto join = a.call<&Queue::join>(queue, forever);
  queue.cancel(a.id(put));
  queue.cancel(a.id(join));
  EXPECT_THROW(a.result<std::size_t>(put), CancelledError);
  EXPECT_THROW(a.result<bool>(join), CancelledError);
  EXPECT_EQ(b.get<&Queue::get>(queue, std::size_t{5}, forever), std::vector{1});
  EXPECT_EQ(queue.qsize(), 0U);
  b.get<&Queue::task_done>(queue);
}

TEST_F(CancelledCalls, that_have_put_a_part_go_on) {
  using Queue = ServedJoinableQueue<int>;
  Queue queue(1);
  const auto put = a.call<&Queue::put_many>(queue, std::vector{1, 2}, forever);
  queue.cancel(a.id(put));
  EXPECT_FALSE(a.is_answered(put));
  b.get<&Queue::get>(queue, std::size_t{1}, forever);
  EXPECT_EQ(a.result<std::size_t>(put), 2U);
}

TEST_F(CancelledCalls, of_a_condition_end_without_the_lock_and_take_no_notification) {
  ServedCondition condition;
  const auto wait = [&](Client& client) {
    client.get<&ServedCondition::acquire>(condition, forever);
    return client.call<&ServedCondition::wait>(condition, forever);
  };
  auto first = wait(a);
  auto second = wait(b);
  condition.cancel(a.id(first));  // in the condition's line
  EXPECT_THROW(a.result<bool>(first), CancelledError);
  EXPECT_FALSE(condition.locked());
  first = wait(a);
  c.get<&ServedCondition::acquire>(condition, forever);
  c.get<&ServedCondition::notify>(condition, 1);
  condition.cancel(b.id(second));  // notified, in the lock's line: the notification goes to a
  EXPECT_THROW(b.result<bool>(second), CancelledError);
  EXPECT_FALSE(a.is_answered(first));
  c.get<&ServedCondition::release>(condition);
  EXPECT_TRUE(a.result<bool>(first));
}

// ---- Through a server ----

/// A manager, and how its objects are reached: by the family, and by another program.
class CancelledFutures : public testing::TestWithParam<bool> {
 protected:
  const Manager server = Manager::serve({});
  const Manager client = Manager::connect({.address = server.address()});

  template <class P>
  P reach(const P& proxy) const {
    if (!GetParam()) return proxy;
    server.publish("object", proxy);
    auto found = client.find<P>("object");
    server.unpublish("object");
    return found;
  }
  const Manager& manager() const { return GetParam() ? client : server; }
};

TEST_P(CancelledFutures, of_waiting_calls_are_cancelled_and_nothing_was_taken) {
  const auto queue = reach(server.queue<int>());
  const auto wanted = queue.get_async();
  EXPECT_EQ(queue.qsize(), 0U);  // behind it in the line: it waits in the server
  EXPECT_TRUE(wanted.cancel());
  EXPECT_TRUE(wanted.cancel());  // again
  EXPECT_TRUE(wanted.cancelled());
  EXPECT_THROW(wanted.get(), CancelledError);
  queue.put(7);
  EXPECT_EQ(queue.get(0s), 7);

  const auto lock = reach(server.lock());
  lock.acquire();
  const auto second = lock.acquire_async();
  EXPECT_TRUE(second.cancel());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TEST_P(CancelledFutures, of_calls_that_have_run_are_not) {
  const auto queue = reach(server.queue<int>());
  const auto put = queue.put_async(1);
  const auto wanted = queue.get_async();
  EXPECT_EQ(queue.qsize(), 0U);
  EXPECT_FALSE(wanted.cancel());
  EXPECT_FALSE(put.cancel());
  EXPECT_EQ(wanted.get(), 1);
  put.get();
}

TEST_P(CancelledFutures, do_not_run_while_they_can_be_cancelled) {
  const auto event = reach(server.event());
  const auto waiting = event.wait_async();
  EXPECT_FALSE(event.is_set());  // behind it in the line: it waits in the server
  EXPECT_FALSE(waiting.running());
  EXPECT_TRUE(waiting.cancel());
  EXPECT_FALSE(waiting.running());

  const auto queue = reach(server.queue<int>(1));
  const auto put =
      royong_test::Parked(queue).start<&ServedQueue<int>::put_many>(std::vector{1, 2}, forever);
  EXPECT_FALSE(put.running());
  EXPECT_FALSE(put.cancel());  // a part is in the queue
  EXPECT_TRUE(put.running());
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(put.get(), 2U);
  EXPECT_FALSE(put.running());
}

TEST_P(CancelledFutures, of_a_batch_never_leave) {
  const auto dict = reach(server.dict<int, int>());
  std::vector<Future<void>> calls;
  {
    auto batch = manager().pipeline();
    for (int i = 0; i < 10; ++i) calls.push_back(dict.set_async(i, i));
    for (std::size_t i = 0; i < 10; i += 2) EXPECT_TRUE(calls[i].cancel());
  }
  for (std::size_t i = 1; i < 10; i += 2) calls[i].get();
  for (std::size_t i = 0; i < 10; i += 2) EXPECT_THROW(calls[i].get(), CancelledError);
  EXPECT_EQ(dict.keys(), (std::vector{1, 3, 5, 7, 9}));
}

TEST_P(CancelledFutures, wake_those_who_wait_for_them) {
  const auto event = reach(server.event());
  const auto waiting = event.wait_async();
  std::thread waiter([&] { EXPECT_THROW(waiting.get(), CancelledError); });
  EXPECT_TRUE(waiting.cancel());
  waiter.join();
}

TEST_P(CancelledFutures, are_told_to_callbacks) {
  const auto event = reach(server.event());
  const auto waiting = event.wait_async();
  std::atomic<bool> told{false};
  waiting.add_done_callback([&](Future<void>& done) {
    told = done.cancelled();
    told.notify_all();
  });
  EXPECT_TRUE(waiting.cancel());
  told.wait(false);
}

TEST_P(CancelledFutures, are_aborted_alike) {
  const auto event = reach(server.event());
  const auto waiting = event.wait_async();
  EXPECT_TRUE(waiting.abort());
  event.set();
  const auto over = event.wait_async();
  EXPECT_FALSE((over.wait(), over.abort()));
}

INSTANTIATE_TEST_SUITE_P(All, CancelledFutures, testing::Bool(), [](const auto& which) {
  return which.param ? "OfAnotherProgram" : "OfTheFamily";
});

TEST(CancelledFuture, of_a_server_that_is_gone_is_not_cancelled) {
  Manager manager;
  const auto event = manager.event();
  const auto waiting = event.wait_async();
  manager.shutdown();
  EXPECT_FALSE(waiting.cancel());
  EXPECT_THROW(waiting.get(), EndOfFile);
}

TEST(CancelledFuture, lets_go_of_what_its_arguments_held) {
  // The object ends with its last proxy: seen where their number is limited.
  const auto small = Manager::serve({.limits = {.objects = 2}});
  const auto holder = small.dict<int, ManagerList<int>>();
  {
    const auto held = small.list<int>();
    EXPECT_THROW(small.list<int>(), UsageError);
    auto batch = small.pipeline();
    EXPECT_TRUE(holder.set_async(1, held).cancel());
  }
  royong_test::eventually([&] {
    try {
      return small.list<int>().valid();
    } catch (const UsageError&) {
      return false;
    }
  });
}

void wait_for_event(ManagerEvent begun, ManagerEvent go) {
  begun.set();
  go.wait();
}

int twice(int n) { return 2 * n; }

TEST(CancelledFuture, of_a_manager_s_pool_takes_away_what_no_worker_has_begun) {
  const Manager manager;
  const auto pool = manager.pool(1);
  const auto begun = manager.event(), go = manager.event();
  const auto running = pool.apply_async(wait_for_event, begun, go);
  begun.wait();
  const auto pending = pool.apply_async(twice, 1);
  EXPECT_TRUE(pending.cancel());
  EXPECT_FALSE(running.running());  // nobody has asked the server
  EXPECT_FALSE(running.cancel());
  EXPECT_TRUE(running.running());
  EXPECT_THROW(pending.get(), CancelledError);
  go.set();
  running.get();
  EXPECT_EQ(pool.apply(twice, 2), 4);
  pool.close();
  EXPECT_TRUE(pool.join());
}

}  // namespace
}  // namespace royong
