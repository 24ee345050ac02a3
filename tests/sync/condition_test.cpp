// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>   // for std::array
#include <atomic>  // for std::atomic
#include <chrono>  // for std::chrono_literals
#include <memory>  // for std::unique_ptr
#include <mutex>   // for std::scoped_lock, std::unique_lock
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/captured_stderr.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::Member;
using royong_test::until_asleep;

/// A condition over each kind of lock.
struct OwnLock {
  static Condition make() { return Condition(); }
};
struct OverRLock {
  static Condition make() { return Condition(RLock()); }
};
struct OverLock {
  static Condition make() { return Condition(Lock()); }
};
struct OverLockOfValue {
  static Condition make() { return Condition(Value<int>().get_lock()); }
};

template <class Kind>
class EveryCondition : public testing::Test {
 protected:
  const Condition of_kind = Kind::make();
};
using Kinds = testing::Types<OwnLock, OverRLock, OverLock, OverLockOfValue>;
TYPED_TEST_SUITE(EveryCondition, Kinds);

/// Members that wait once, one after the other, and count themselves.
class Waiters {
 public:
  explicit Waiters(const Condition& condition) : condition_(condition) {}

  /// Returns when the new one waits.
  Member& add() {
    const int before = waiting_.load();
    members_.push_back(std::make_unique<Member>([this] {
      const std::scoped_lock guard(condition_);
      waiting_ += 1;
      EXPECT_TRUE(condition_.wait());
      woken_ += 1;
    }));
    // It counts itself owning the lock, and gives it up only when it waits.
    eventually([&] {
      const std::scoped_lock guard(condition_);
      return waiting_.load() == before + 1;
    });
    return *members_.back();
  }
  int woken() const { return woken_.load(); }
  /// Returns when each of them sleeps, is stopped, or has come to its end: who was woken has counted itself then.
  void until_asleep_or_gone() const {
    for (const auto& member : members_) until_asleep(member->pid());
  }
  void notify(int n) const {
    const std::scoped_lock guard(condition_);
    condition_.notify(n);
  }
  void release_all() {
    {
      const std::scoped_lock guard(condition_);
      condition_.notify_all();
    }
    for (auto& member : members_) {
      const int code = member->wait();
      EXPECT_TRUE(code == 0 || code == -SIGKILL) << code;
    }
  }

 private:
  const Condition& condition_;
  const Value<int> waiting_;
  const Value<int> woken_;
  std::vector<std::unique_ptr<Member>> members_;
};

TYPED_TEST(EveryCondition, has_the_members_of_its_lock) {
  const Condition& condition = this->of_kind;
  EXPECT_FALSE(condition.locked());
  EXPECT_TRUE(condition.acquire());
  EXPECT_TRUE(condition.locked());
  condition.release();
  EXPECT_TRUE(condition.acquire(false));
  condition.release();
  EXPECT_TRUE(condition.acquire(1s));
  condition.release();
  EXPECT_THROW(condition.release(), UsageError);
  {
    const std::scoped_lock guard(condition);
    EXPECT_TRUE(condition.locked());
    EXPECT_FALSE(condition.abandoned());
  }
  std::unique_lock guard(condition, 1ms);
  EXPECT_TRUE(guard.owns_lock());
}

TYPED_TEST(EveryCondition, cannot_be_waited_on_or_notified_without_the_lock) {
  const Condition& condition = this->of_kind;
  EXPECT_THROW_MESSAGE(condition.wait(0s), UsageError, "cannot wait on a Condition");
  EXPECT_THROW_MESSAGE(condition.wait_for([] { return true; }), UsageError,
                       "does not own its lock");
  EXPECT_THROW_MESSAGE(condition.notify(), UsageError, "cannot notify a Condition");
  EXPECT_THROW(condition.notify_all(), UsageError);
  Member other([&] {
    condition.acquire();
    pause();
  });
  eventually([&] { return condition.locked(); });
  EXPECT_THROW(condition.wait(), UsageError) << "another process owns it";
  EXPECT_THROW(condition.notify(), UsageError);
}

TYPED_TEST(EveryCondition, cannot_notify_a_negative_number) {
  const std::scoped_lock guard(this->of_kind);
  EXPECT_THROW_MESSAGE(this->of_kind.notify(-1), UsageError, "-1 waiters");
  this->of_kind.notify(0);
}

TYPED_TEST(EveryCondition, a_wait_past_its_time_owns_the_lock_again) {
  const Condition& condition = this->of_kind;
  const std::scoped_lock guard(condition);
  for (const Timeout timeout : {Timeout(0s), Timeout(-1s), Timeout(1ms), Timeout(120ms)}) {
    EXPECT_FALSE(condition.wait(timeout));
    EXPECT_TRUE(condition.locked());
  }
  Member other([&] { EXPECT_FALSE(condition.acquire(false)); });
  EXPECT_EQ(other.wait(), 0);
}

TYPED_TEST(EveryCondition, gives_up_the_lock_while_it_waits) {
  const Condition& condition = this->of_kind;
  const Value<bool> changed;
  const std::scoped_lock guard(condition);
  Member other([&] {
    const std::scoped_lock inner(condition);
    changed.store(true);
    condition.notify();
  });
  EXPECT_TRUE(condition.wait_for([&] { return changed.load(); }));
  EXPECT_EQ(other.wait(), 0);
}

TYPED_TEST(EveryCondition, a_notification_wakes_as_many_as_it_says) {
  Waiters waiters(this->of_kind);
  for (int i = 0; i < 5; ++i) waiters.add();
  waiters.notify(1);
  eventually([&] { return waiters.woken() == 1; });
  waiters.notify(3);
  eventually([&] { return waiters.woken() == 4; });
  waiters.notify(0);
  waiters.until_asleep_or_gone();
  EXPECT_EQ(waiters.woken(), 4);
  waiters.release_all();
  EXPECT_EQ(waiters.woken(), 5);
}

TYPED_TEST(EveryCondition, a_notification_is_not_kept_for_those_who_come_later) {
  const std::scoped_lock guard(this->of_kind);
  this->of_kind.notify(3);
  this->of_kind.notify_all();
  EXPECT_FALSE(this->of_kind.wait(1ms));
}

TYPED_TEST(EveryCondition, a_waiter_killed_before_it_was_notified_takes_nothing) {
  Waiters waiters(this->of_kind);
  Member& victim = waiters.add();
  waiters.add();
  victim.kill();
  victim.wait();
  waiters.notify(1);
  eventually([&] { return waiters.woken() == 1; });
  waiters.release_all();
}

TYPED_TEST(EveryCondition, a_waiter_that_is_stopped_and_killed_passes_its_notification_on) {
  Waiters waiters(this->of_kind);
  Member& victim = waiters.add();
  waiters.add();
  ::kill(victim.pid(), SIGSTOP);
  waiters.notify(1);  // to the victim, which has waited longest and cannot act on it
  waiters.until_asleep_or_gone();
  EXPECT_EQ(waiters.woken(), 0);
  victim.kill();
  victim.wait();
  eventually([&] { return waiters.woken() == 1; });
  waiters.release_all();
}

TYPED_TEST(EveryCondition, a_killed_waiter_whom_nobody_sweeps_passes_its_notification_on) {
  Waiters waiters(this->of_kind);
  Member& victim = waiters.add();
  waiters.add();
  ::kill(victim.pid(), SIGSTOP);
  waiters.notify(1);
  victim.kill();
  victim.reap_without_sweep();
  eventually([&] { return waiters.woken() == 1; });
  victim.sweep();
  waiters.release_all();
  EXPECT_EQ(waiters.woken(), 1);
}

TYPED_TEST(EveryCondition, a_dead_waiters_notification_is_not_for_those_who_came_after_it) {
  Waiters waiters(this->of_kind);
  Member& victim = waiters.add();
  ::kill(victim.pid(), SIGSTOP);
  waiters.notify(1);
  waiters.add();
  victim.kill();
  victim.wait();
  waiters.until_asleep_or_gone();
  EXPECT_EQ(waiters.woken(), 0);
  waiters.release_all();
  EXPECT_EQ(waiters.woken(), 1);
}

TYPED_TEST(EveryCondition, notify_never_waits_for_a_killed_waiter) {
  for (int round = 0; round < 3; ++round) {
    Waiters waiters(this->of_kind);
    Member& victim = waiters.add();
    waiters.add();
    victim.kill();
    victim.reap_without_sweep();
    waiters.notify(2);
    eventually([&] { return waiters.woken() == 1; });
    victim.sweep();
    waiters.release_all();
  }
}

TYPED_TEST(EveryCondition,
           an_owner_that_dies_between_notifying_and_releasing_leaves_the_lock_abandoned) {
  const Condition& condition = this->of_kind;
  const royong_test::CapturedStderr quiet;
  const Value<int> abandoned;
  const Event about_to_wait;
  Member waiter([&] {
    const std::scoped_lock guard(condition);
    about_to_wait.set();
    EXPECT_TRUE(condition.wait());
    abandoned += condition.abandoned() ? 1 : 0;
    condition.mark_consistent();
  });
  about_to_wait.wait();
  Member notifier([&] {
    condition.acquire();
    condition.notify();
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(notifier.wait(), -SIGKILL);
  EXPECT_EQ(waiter.wait(), 0);
  EXPECT_EQ(abandoned.load(), 1);
  EXPECT_FALSE(condition.abandoned());
}

TYPED_TEST(EveryCondition, threads_of_one_process_hand_over_without_losing_a_wake_up) {
  const Condition& condition = this->of_kind;
  constexpr int rounds = 2'000;
  int turn = 0;
  const auto play = [&](int me) {
    for (int i = 0; i < rounds; ++i) {
      const std::scoped_lock guard(condition);
      condition.wait_for([&] { return turn == me; });
      turn = 1 - me;
      condition.notify();
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  EXPECT_EQ(turn, 0);
}

TYPED_TEST(EveryCondition, processes_hand_over_without_losing_a_wake_up) {
  const Condition& condition = this->of_kind;
  constexpr int rounds = 2'000;
  const RawValue<int> turn;
  const auto play = [&](int me) {
    for (int i = 0; i < rounds; ++i) {
      const std::scoped_lock guard(condition);
      condition.wait_for([&] { return *turn == me; });
      *turn = (me + 1) % 3;
      condition.notify_all();
    }
  };
  Member one([&] { play(1); });
  Member two([&] { play(2); });
  play(0);
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(two.wait(), 0);
  EXPECT_EQ(*turn, 0);
}

TYPED_TEST(EveryCondition, wait_for_returns_what_the_predicate_said_last) {
  const Condition& condition = this->of_kind;
  const std::scoped_lock guard(condition);
  int calls = 0;
  EXPECT_TRUE(condition.wait_for([&] { return ++calls != 0; }, 0s));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(condition.wait_for([&] { return ++calls == 0; }, 1ms));
  EXPECT_GE(calls, 3) << "once before the wait and once after it";
  EXPECT_TRUE(condition.wait_for([&] { return ++calls > 5; }, 0s) || calls <= 5);
  EXPECT_THROW(condition.wait_for([]() -> bool { throw std::domain_error("no"); }),
               std::domain_error);
  EXPECT_TRUE(condition.locked());
}

TEST(Condition, more_can_wait_than_its_first_page_has_room_for) {
  memory::release_empty_slabs();
  const auto used = memory::arena_usage().used;
  {
    const Condition condition;
    constexpr int many = 100;
    int waiting = 0;
    std::atomic<int> woken{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < many; ++i) {
      threads.emplace_back([&] {
        condition.acquire();
        ++waiting;
        EXPECT_TRUE(condition.wait());
        ++woken;
        condition.release();
      });
    }
    eventually([&] {
      const std::scoped_lock guard(condition);
      return waiting == many;
    });
    {
      const std::scoped_lock guard(condition);
      condition.notify(many / 2);
    }
    eventually([&] { return woken == many / 2; });
    {
      const std::scoped_lock guard(condition);
      condition.notify_all();
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(woken, many);
  }
  memory::release_empty_slabs();
  EXPECT_LE(memory::arena_usage().used, used) << "its blocks are gone with it";
}

TEST(Condition, gives_up_a_recursive_lock_wholly_and_takes_it_back_as_often) {
  const RLock lock;
  const Condition condition(lock);
  constexpr int depth = 4;
  for (int i = 0; i < depth; ++i) condition.acquire();
  const auto is_free_meanwhile = [&] {
    Member other([&] {
      EXPECT_TRUE(lock.acquire());
      condition.notify();
      lock.release();
    });
    EXPECT_TRUE(condition.wait());
    EXPECT_EQ(other.wait(), 0);
  };
  is_free_meanwhile();
  EXPECT_FALSE(condition.wait(1ms));
  for (int i = 0; i < depth; ++i) {
    EXPECT_TRUE(lock.locked());
    lock.release();
  }
  EXPECT_FALSE(lock.locked());
}

TEST(Condition, several_may_share_a_lock_and_each_has_its_own_waiters) {
  const Lock lock;
  const Condition full(lock);
  const Condition empty(lock);
  const Event waiting;
  Member waiter([&] {
    const std::scoped_lock guard(lock);
    waiting.set();
    EXPECT_TRUE(full.wait());
  });
  waiting.wait();
  {
    const std::scoped_lock guard(lock);
    empty.notify_all();
    EXPECT_FALSE(empty.wait(1ms));
    full.notify();
  }
  EXPECT_EQ(waiter.wait(), 0);
}

TEST(Condition, keeps_its_lock_alive_and_lets_it_go) {
  const auto before = memory::live_objects();
  {
    auto lock = std::make_unique<Lock>();
    const Condition condition(*lock);
    lock.reset();
    EXPECT_EQ(memory::live_objects(), before + 2);
    EXPECT_TRUE(condition.acquire());
    EXPECT_FALSE(condition.wait(0s));
    condition.release();
  }
  EXPECT_EQ(memory::live_objects(), before);
}

TEST(Condition, a_notifier_that_dies_before_the_wake_up_leaves_nobody_asleep) {
  const Condition condition;
  const royong_test::CapturedStderr quiet;
  // Notifies without end and is killed at any instant: between its store and the wake-up, too.
  for (int round = 0; round < 20; ++round) {
    const Event about_to_wait;
    Member waiter([&] {
      const std::scoped_lock guard(condition);
      about_to_wait.set();
      EXPECT_TRUE(condition.wait());
    });
    about_to_wait.wait();
    Member notifier([&] {
      for (;;) {
        const std::scoped_lock guard(condition);
        condition.notify();
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    notifier.kill();
    notifier.reap_without_sweep();
    const Member last([&] {
      const std::scoped_lock guard(condition);
      condition.notify_all();
    });
    EXPECT_EQ(waiter.wait(), 0);
  }
}

}  // namespace
}  // namespace royong
