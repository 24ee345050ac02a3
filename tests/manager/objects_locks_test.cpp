// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The served locks, semaphores, condition, event and barrier, without a server: who gets what, when, and what the end of a client does.
 */
#include <gtest/gtest.h>

#include <chrono>     // for std::chrono_literals
#include <stdexcept>  // for std::out_of_range
#include <vector>     // for std::vector

#include "manager/objects/barrier.hpp"
#include "manager/objects/condition.hpp"
#include "manager/objects/event.hpp"
#include "manager/objects/lock.hpp"
#include "manager/objects/semaphore.hpp"
#include "manager/sink.hpp"
#include "royong/barrier.hpp"
#include "royong/detail/manager/timers.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using detail::LockState;
using detail::ServedBarrier;
using detail::ServedBoundedSemaphore;
using detail::ServedCondition;
using detail::ServedEvent;
using detail::ServedLock;
using detail::ServedRLock;
using detail::ServedSemaphore;
using test::Client;

/// Three clients of one server, whose clock is the test's.
class ServedLocks : public testing::Test {
 protected:
  void pass(std::chrono::seconds time) { timers.run_due(Timeout::Clock::now() + time); }

  detail::Timers timers;
  Client a{1, timers};
  Client b{2, timers};
  Client c{3, timers};
};

TEST_F(ServedLocks, a_lock_goes_to_those_who_wait_in_the_order_of_their_arrival) {
  ServedLock lock;
  EXPECT_TRUE(a.get<&ServedLock::acquire>(lock, forever));
  const auto first = b.call<&ServedLock::acquire>(lock, forever);
  const auto second = c.call<&ServedLock::acquire>(lock, forever);
  EXPECT_FALSE(b.is_answered(first));
  a.get<&ServedLock::release>(lock);
  EXPECT_TRUE(b.result<bool>(first));
  EXPECT_FALSE(c.is_answered(second));
  EXPECT_TRUE(lock.locked());
  b.get<&ServedLock::release>(lock);
  EXPECT_TRUE(c.result<bool>(second));
  c.get<&ServedLock::release>(lock);
  EXPECT_FALSE(lock.locked());
  EXPECT_FALSE(lock.abandoned());
}

TEST_F(ServedLocks, a_lock_may_be_released_by_another_and_only_while_it_is_taken) {
  ServedLock lock;
  EXPECT_TRUE(a.get<&ServedLock::acquire>(lock, forever));
  b.get<&ServedLock::release>(lock);
  EXPECT_THROW_MESSAGE(a.get<&ServedLock::release>(lock), UsageError,
                       "cannot release a ManagerLock that is free: released too many times");
}

TEST_F(ServedLocks, who_waits_in_vain_is_told_when_its_time_is_over) {
  ServedLock lock;
  EXPECT_TRUE(a.get<&ServedLock::acquire>(lock, forever));
  EXPECT_FALSE(b.get<&ServedLock::acquire>(lock, 0s));
  const auto waiting = b.call<&ServedLock::acquire>(lock, 10s);
  pass(9s);
  EXPECT_FALSE(b.is_answered(waiting));
  pass(11s);
  EXPECT_FALSE(b.result<bool>(waiting));
  a.get<&ServedLock::release>(lock);
  EXPECT_FALSE(lock.locked());  // not given to one who has left
  EXPECT_EQ(timers.size(), 0U);
}

TEST_F(ServedLocks, the_end_of_an_owner_gives_the_lock_to_the_next_abandoned) {
  ServedLock lock;
  EXPECT_TRUE(a.get<&ServedLock::acquire>(lock, forever));
  const auto again = a.call<&ServedLock::acquire>(lock, forever);
  const auto next = b.call<&ServedLock::acquire>(lock, forever);
  lock.forget(a.session());
  EXPECT_TRUE(b.result<bool>(next));
  EXPECT_TRUE(lock.abandoned());
  EXPECT_THROW(a.result<bool>(again), CancelledError);
  b.get<&ServedLock::mark_consistent>(lock);
  EXPECT_FALSE(lock.abandoned());
  lock.forget(c.session());  // held nothing
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(lock.abandoned());
}

TEST_F(ServedLocks, an_rlock_belongs_to_a_thread) {
  ServedRLock lock;
  EXPECT_TRUE(a.get<&ServedRLock::acquire>(lock, forever));
  EXPECT_TRUE(a.get<&ServedRLock::acquire>(lock, forever));
  const auto other_thread = a.call_from<&ServedRLock::acquire>(2, lock, forever);
  EXPECT_FALSE(a.is_answered(other_thread));
  EXPECT_THROW_MESSAGE(a.result<void>(a.call_from<&ServedRLock::release>(2, lock)), UsageError,
                       "this thread does not own");
  EXPECT_THROW(b.get<&ServedRLock::release>(lock), UsageError);
  a.get<&ServedRLock::release>(lock);
  EXPECT_FALSE(a.is_answered(other_thread));
  a.get<&ServedRLock::release>(lock);
  EXPECT_TRUE(a.result<bool>(other_thread));
  EXPECT_THROW(a.get<&ServedRLock::release>(lock), UsageError);
}

TEST_F(ServedLocks, permits_go_to_those_who_wait) {
  ServedSemaphore semaphore(1);
  EXPECT_TRUE(a.get<&ServedSemaphore::acquire>(semaphore, forever));
  EXPECT_FALSE(a.get<&ServedSemaphore::acquire>(semaphore, 0s));
  const auto first = b.call<&ServedSemaphore::acquire>(semaphore, forever);
  const auto second = c.call<&ServedSemaphore::acquire>(semaphore, forever);
  a.get<&ServedSemaphore::release>(semaphore, 3);
  EXPECT_TRUE(b.result<bool>(first));
  EXPECT_TRUE(c.result<bool>(second));
  EXPECT_EQ(semaphore.get_value(), 1);
  semaphore.forget(b.session());
  EXPECT_EQ(semaphore.get_value(), 1);
  EXPECT_THROW(a.get<&ServedSemaphore::release>(semaphore, -1), UsageError);
  EXPECT_THROW_MESSAGE(a.get<&ServedSemaphore::release>(semaphore, 2147483647), UsageError,
                       "there would be more than");
  EXPECT_EQ(semaphore.get_value(), 1);
  EXPECT_THROW(ServedSemaphore(-1), UsageError);
}

TEST_F(ServedLocks, permits_of_an_ended_client_return) {
  ServedBoundedSemaphore semaphore(3);
  EXPECT_TRUE(a.get<&ServedBoundedSemaphore::acquire>(semaphore, forever));
  EXPECT_TRUE(a.get<&ServedBoundedSemaphore::acquire>(semaphore, forever));
  EXPECT_TRUE(b.get<&ServedBoundedSemaphore::acquire>(semaphore, forever));
  const auto dead = a.call<&ServedBoundedSemaphore::acquire>(semaphore, forever);
  const auto next = c.call<&ServedBoundedSemaphore::acquire>(semaphore, forever);
  semaphore.forget(a.session());
  EXPECT_THROW(a.result<bool>(dead), CancelledError);
  EXPECT_TRUE(c.result<bool>(next));
  EXPECT_EQ(semaphore.get_value(), 1);
  b.get<&ServedBoundedSemaphore::release>(semaphore, 2);  // one of its own, and c's
  EXPECT_EQ(semaphore.get_value(), 3);
  EXPECT_THROW_MESSAGE(b.get<&ServedBoundedSemaphore::release>(semaphore, 1), UsageError,
                       "released too many times");
  semaphore.forget(c.session());  // holds none any more
  EXPECT_EQ(semaphore.get_value(), 3);
}

TEST_F(ServedLocks, permits_of_an_ended_client_return_where_that_was_asked_for) {
  ServedSemaphore semaphore(2, {.return_on_death = true});
  EXPECT_TRUE(a.get<&ServedSemaphore::acquire>(semaphore, forever));
  EXPECT_TRUE(a.get<&ServedSemaphore::acquire>(semaphore, forever));
  const auto next = b.call<&ServedSemaphore::acquire>(semaphore, forever);
  a.get<&ServedSemaphore::release>(semaphore, 1);  // its own; b takes it
  EXPECT_TRUE(b.result<bool>(next));
  c.get<&ServedSemaphore::release>(semaphore, 1);  // holds none: a new one
  EXPECT_EQ(semaphore.get_value(), 1);
  const auto last = c.call<&ServedSemaphore::acquire>(semaphore, forever);
  EXPECT_TRUE(c.result<bool>(last));
  const auto waiting = c.call<&ServedSemaphore::acquire>(semaphore, forever);
  semaphore.forget(a.session());  // held one
  EXPECT_TRUE(c.result<bool>(waiting));
  semaphore.forget(c.session());  // held two
  semaphore.forget(b.session());  // held one, that of the waiter
  EXPECT_EQ(semaphore.get_value(), 3);
}

TEST_F(ServedLocks, an_event_that_is_cleared_at_once_is_not_missed) {
  ServedEvent event;
  const auto waiting = a.call<&ServedEvent::wait>(event, forever);
  b.get<&ServedEvent::set>(event);
  b.get<&ServedEvent::clear>(event);
  EXPECT_TRUE(a.result<bool>(waiting));
  EXPECT_FALSE(a.get<&ServedEvent::wait>(event, 0s));
  const auto late = a.call<&ServedEvent::wait>(event, 1s);
  pass(2s);
  EXPECT_FALSE(a.result<bool>(late));
  b.get<&ServedEvent::set>(event);
  EXPECT_TRUE(a.get<&ServedEvent::wait>(event, 0s));
}

TEST_F(ServedLocks, parties_pass_a_barrier_together_again_and_again) {
  ServedBarrier barrier(3, forever);
  for (int round = 0; round < 3; ++round) {
    const auto first = a.call<&ServedBarrier::wait>(barrier);
    const auto second = b.call<&ServedBarrier::wait_for>(barrier, 1s);
    EXPECT_EQ(barrier.n_waiting(), 2);
    EXPECT_EQ(c.get<&ServedBarrier::wait>(barrier), 2);
    EXPECT_EQ(a.result<int>(first), 0);
    EXPECT_EQ(b.result<int>(second), 1);
    EXPECT_EQ(barrier.n_waiting(), 0);
  }
  EXPECT_EQ(timers.size(), 0U);
  EXPECT_THROW(ServedBarrier(0, forever), UsageError);
}

TEST_F(ServedLocks, a_party_that_dies_or_is_late_breaks_the_barrier_for_all) {
  ServedBarrier barrier(3, 5s);
  auto first = a.call<&ServedBarrier::wait>(barrier);
  auto second = b.call<&ServedBarrier::wait>(barrier);
  barrier.forget(a.session());
  EXPECT_THROW(a.result<int>(first), CancelledError);
  EXPECT_THROW(b.result<int>(second), BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(c.get<&ServedBarrier::wait>(barrier), BrokenBarrierError);
  c.get<&ServedBarrier::reset>(barrier);
  EXPECT_FALSE(barrier.broken());
  second = b.call<&ServedBarrier::wait>(barrier);
  const auto third = c.call<&ServedBarrier::wait_for>(barrier, 60s);
  pass(6s);
  EXPECT_THROW(b.result<int>(second), BrokenBarrierError);
  EXPECT_THROW(c.result<int>(third), BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
  barrier.forget(b.session());  // is no party now
  barrier.reset();
  barrier.forget(b.session());
  EXPECT_FALSE(barrier.broken());
}

/// An action, and what it does to the barrier whose it is.
struct Act {
  static inline int calls = 0;
  static inline ServedBarrier* barrier = nullptr;
  enum class Deed { count, fail, reset, abort } deed;

  void operator()() const {
    ++calls;
    if (deed == Deed::fail) throw std::out_of_range("the action fails");
    if (deed == Deed::reset) barrier->reset();
    if (deed == Deed::abort) barrier->abort();
  }
};

class ServedBarrierActions : public ServedLocks {
 protected:
  static detail::PackedBytes action(Act::Deed deed) {
    Act::calls = 0;
    const BarrierAction made(Act{deed});
    return {made.call(), made.kept()};
  }
};

TEST_F(ServedBarrierActions, run_once_a_round_before_anybody_passes) {
  ServedBarrier barrier(2, action(Act::Deed::count), forever);
  for (int round = 1; round <= 3; ++round) {
    const auto first = a.call<&ServedBarrier::wait>(barrier);
    EXPECT_EQ(Act::calls, round - 1);
    EXPECT_EQ(b.get<&ServedBarrier::wait>(barrier), 1);
    EXPECT_EQ(a.result<int>(first), 0);
    EXPECT_EQ(Act::calls, round);
  }
}

TEST_F(ServedBarrierActions, that_throw_break_the_barrier_and_tell_the_last_party_why) {
  ServedBarrier barrier(2, action(Act::Deed::fail), forever);
  const auto first = a.call<&ServedBarrier::wait>(barrier);
  EXPECT_THROW_MESSAGE(b.get<&ServedBarrier::wait>(barrier), std::out_of_range, "action fails");
  EXPECT_THROW(a.result<int>(first), BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(b.get<&ServedBarrier::wait>(barrier), BrokenBarrierError);
  EXPECT_EQ(Act::calls, 1);
}

TEST_F(ServedBarrierActions, that_reset_or_abort_let_nobody_pass) {
  ServedBarrier barrier(2, action(Act::Deed::reset), forever);
  Act::barrier = &barrier;
  auto first = a.call<&ServedBarrier::wait>(barrier);
  EXPECT_THROW(b.get<&ServedBarrier::wait>(barrier), BrokenBarrierError);
  EXPECT_THROW(a.result<int>(first), BrokenBarrierError);
  EXPECT_FALSE(barrier.broken());

  ServedBarrier other(2, action(Act::Deed::abort), forever);
  Act::barrier = &other;
  first = a.call<&ServedBarrier::wait>(other);
  EXPECT_THROW(b.get<&ServedBarrier::wait>(other), BrokenBarrierError);
  EXPECT_THROW(a.result<int>(first), BrokenBarrierError);
  EXPECT_TRUE(other.broken());
}

TEST_F(ServedBarrierActions, of_a_barrier_for_one_run_too) {
  ServedBarrier barrier(1, action(Act::Deed::count), forever);
  EXPECT_EQ(a.get<&ServedBarrier::wait>(barrier), 0);
  EXPECT_EQ(Act::calls, 1);
}

class ServedConditions : public ServedLocks {
 protected:
  /// Takes the lock and waits with it.
  std::uint64_t wait(Client& client, Timeout timeout = forever) {
    EXPECT_TRUE(client.get<&ServedCondition::acquire>(condition, forever));
    return client.call<&ServedCondition::wait>(condition, timeout);
  }
  void notify(Client& client, int n) {
    EXPECT_TRUE(client.get<&ServedCondition::acquire>(condition, forever));
    client.get<&ServedCondition::notify>(condition, n);
    client.get<&ServedCondition::release>(condition);
  }

  ServedCondition condition;
};

TEST_F(ServedConditions, the_longest_waiting_is_notified_and_owns_the_lock_again) {
  const auto first = wait(a);
  const auto second = wait(b);
  EXPECT_FALSE(condition.locked());
  EXPECT_TRUE(c.get<&ServedCondition::acquire>(condition, forever));
  c.get<&ServedCondition::notify>(condition, 1);
  EXPECT_FALSE(a.is_answered(first));  // c owns the lock
  c.get<&ServedCondition::release>(condition);
  EXPECT_TRUE(a.result<bool>(first));
  EXPECT_FALSE(b.is_answered(second));
  a.get<&ServedCondition::release>(condition);
  notify(a, 5);
  EXPECT_TRUE(b.result<bool>(second));
  b.get<&ServedCondition::release>(condition);
  EXPECT_FALSE(condition.locked());
}

TEST_F(ServedConditions, a_lock_that_was_taken_often_is_given_up_wholly_and_taken_back_as_often) {
  EXPECT_TRUE(a.get<&ServedCondition::acquire>(condition, forever));
  const auto waiting = wait(a);  // the second time
  notify(b, 1);
  EXPECT_TRUE(a.result<bool>(waiting));
  a.get<&ServedCondition::release>(condition);
  EXPECT_TRUE(condition.locked());
  a.get<&ServedCondition::release>(condition);
  EXPECT_FALSE(condition.locked());
}

TEST_F(ServedConditions, who_is_not_notified_in_time_owns_the_lock_again_too) {
  const auto waiting = wait(a, 5s);
  EXPECT_TRUE(b.get<&ServedCondition::acquire>(condition, forever));
  pass(6s);
  EXPECT_FALSE(a.is_answered(waiting));            // b owns the lock
  b.get<&ServedCondition::notify_all>(condition);  // a is no waiter any more
  b.get<&ServedCondition::release>(condition);
  EXPECT_FALSE(a.result<bool>(waiting));
  EXPECT_TRUE(condition.locked());
}

TEST_F(ServedConditions, only_the_owner_waits_and_notifies) {
  EXPECT_THROW_MESSAGE(a.get<&ServedCondition::wait>(condition, forever), UsageError,
                       "does not own its lock");
  EXPECT_THROW(a.get<&ServedCondition::notify>(condition, 1), UsageError);
  EXPECT_TRUE(b.get<&ServedCondition::acquire>(condition, forever));
  EXPECT_THROW(a.get<&ServedCondition::notify_all>(condition), UsageError);
  EXPECT_THROW(b.result<bool>(b.call_from<&ServedCondition::wait>(2, condition, forever)),
               UsageError);  // another thread
  EXPECT_THROW_MESSAGE(b.get<&ServedCondition::notify>(condition, -1), UsageError, "negative");
  b.get<&ServedCondition::require_owned>(condition);
}

TEST_F(ServedConditions, the_notification_of_a_dead_waiter_goes_to_the_next) {
  const auto first = wait(a);
  const auto second = wait(b);
  EXPECT_TRUE(c.get<&ServedCondition::acquire>(condition, forever));
  c.get<&ServedCondition::notify>(condition, 1);
  condition.forget(a.session());  // notified, and waits for the lock
  EXPECT_THROW(a.result<bool>(first), CancelledError);
  EXPECT_FALSE(b.is_answered(second));
  c.get<&ServedCondition::release>(condition);
  EXPECT_TRUE(b.result<bool>(second));
  EXPECT_FALSE(condition.abandoned());
}

TEST_F(ServedConditions, who_dies_as_the_owner_may_not_have_heard_of_its_notification) {
  wait(a);
  const auto second = wait(b);
  notify(c, 1);  // a owns the lock
  condition.forget(a.session());
  EXPECT_TRUE(b.result<bool>(second));
  EXPECT_TRUE(condition.abandoned());
}

TEST_F(ServedConditions, the_notification_of_a_dead_waiter_goes_to_none_who_came_later) {
  wait(a);
  EXPECT_TRUE(b.get<&ServedCondition::acquire>(condition, forever));
  b.get<&ServedCondition::notify>(condition, 1);
  const auto later = b.call<&ServedCondition::wait>(condition, forever);
  // a owns the lock now, and dies before it gives it up; b came later than the notification.
  EXPECT_FALSE(b.is_answered(later));
  condition.forget(a.session());
  EXPECT_TRUE(condition.abandoned());
  EXPECT_FALSE(b.is_answered(later));
  EXPECT_FALSE(condition.locked());
}

TEST_F(ServedConditions, conditions_over_one_lock_hear_of_a_client_s_end_in_any_order) {
  ServedRLock lock;
  ServedCondition one(lock.state());
  ServedCondition two(lock.state());
  EXPECT_TRUE(a.get<&ServedRLock::acquire>(lock, forever));
  const auto first = a.call<&ServedCondition::wait>(one, forever);
  EXPECT_TRUE(a.result<bool>(a.call_from<&ServedCondition::acquire>(2, one, forever)));
  const auto second = a.call_from<&ServedCondition::wait>(2, one, forever);
  EXPECT_TRUE(b.get<&ServedRLock::acquire>(lock, forever));
  const auto third = b.call<&ServedCondition::wait>(one, forever);
  EXPECT_TRUE(c.get<&ServedRLock::acquire>(lock, forever));
  c.get<&ServedCondition::notify>(one, 1);
  lock.forget(a.session());  // before the condition hears of it
  EXPECT_TRUE(lock.locked());
  two.forget(a.session());
  one.forget(a.session());
  EXPECT_THROW(a.result<bool>(first), CancelledError);
  EXPECT_THROW(a.result<bool>(second), CancelledError);
  c.get<&ServedRLock::release>(lock);
  EXPECT_TRUE(b.result<bool>(third));  // the notification did not die
  EXPECT_FALSE(lock.abandoned());
}

}  // namespace
}  // namespace royong
