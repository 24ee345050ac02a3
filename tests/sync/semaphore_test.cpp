// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <signal.h>

#include <atomic>  // for std::atomic
#include <chrono>  // for std::chrono_literals
#include <memory>  // for std::make_unique
#include <mutex>   // for std::scoped_lock, std::unique_lock
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "memory/robust_mutex.hpp"
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

/// The three that count, made alike.
struct Plain : Semaphore {
  explicit Plain(int value) : Semaphore(value) {}
};
struct Returning : Semaphore {
  using Base = Semaphore;
  explicit Returning(int value) : Semaphore(value, {.return_on_death = true}) {}
};
struct Bounded : BoundedSemaphore {
  using Base = BoundedSemaphore;
  explicit Bounded(int value) : BoundedSemaphore(value) {}
};

template <class S>
class EverySemaphore : public testing::Test {};
using Semaphores = testing::Types<Plain, Returning, Bounded>;
TYPED_TEST_SUITE(EverySemaphore, Semaphores);

/// Those that know who holds what.
template <class S>
class EveryLedger : public testing::Test {};
using Ledgers = testing::Types<Returning, Bounded>;
TYPED_TEST_SUITE(EveryLedger, Ledgers);

TYPED_TEST(EverySemaphore, gives_as_many_permits_as_it_has_and_takes_them_back) {
  const TypeParam semaphore(2);
  EXPECT_EQ(semaphore.get_value(), 2);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_TRUE(semaphore.acquire(true));
  EXPECT_EQ(semaphore.get_value(), 0);
  EXPECT_TRUE(semaphore.locked());
  EXPECT_FALSE(semaphore.acquire(false));
  semaphore.release();
  EXPECT_EQ(semaphore.get_value(), 1);
  EXPECT_TRUE(semaphore.acquire(0s));
  semaphore.release(2);
  EXPECT_EQ(semaphore.get_value(), 2);
  EXPECT_FALSE(semaphore.locked());
}

TYPED_TEST(EverySemaphore, without_permits_ends_every_wait_when_its_time_is_over) {
  const TypeParam semaphore(0);
  EXPECT_FALSE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false, 1h));
  EXPECT_FALSE(semaphore.acquire(true, 1ms));
  EXPECT_FALSE(semaphore.acquire(-1s));
  EXPECT_FALSE(semaphore.acquire(120ms));
  EXPECT_FALSE(semaphore.try_lock());
  EXPECT_FALSE(semaphore.try_lock_for(1ms));
  EXPECT_FALSE(semaphore.try_lock_until(std::chrono::system_clock::now() + 1ms));
  EXPECT_EQ(semaphore.get_value(), 0);
}

TYPED_TEST(EverySemaphore, works_with_the_guards_of_the_standard_library) {
  TypeParam first(1);
  TypeParam second(2);
  {
    const std::scoped_lock both(first, second);
    EXPECT_EQ(first.get_value(), 0);
    EXPECT_EQ(second.get_value(), 1);
  }
  std::unique_lock guard(first, std::try_to_lock);
  EXPECT_TRUE(guard.owns_lock());
  guard.unlock();
  EXPECT_EQ(first.get_value(), 1);
  EXPECT_TRUE(guard.try_lock_until(std::chrono::system_clock::now() + 1h));
}

TYPED_TEST(EverySemaphore, refuses_negative_numbers_and_stays_as_it_was) {
  EXPECT_THROW_MESSAGE(TypeParam(-1), UsageError, "cannot begin with -1 permits");
  const TypeParam semaphore(3);
  semaphore.acquire();
  EXPECT_THROW_MESSAGE(semaphore.release(-2), UsageError, "cannot release -2 permits");
  semaphore.release(0);
  EXPECT_EQ(semaphore.get_value(), 2);
}

TYPED_TEST(EverySemaphore, a_release_wakes_a_waiter_in_another_process) {
  const TypeParam semaphore(1);
  semaphore.acquire();
  Member waiter([&] {
    EXPECT_TRUE(semaphore.acquire());
    semaphore.release();
  });
  until_asleep(waiter.pid());
  semaphore.release();
  EXPECT_EQ(waiter.wait(), 0);
  EXPECT_EQ(semaphore.get_value(), 1);
}

TYPED_TEST(EverySemaphore, a_release_of_many_serves_as_many_waiters) {
  const TypeParam semaphore(5);
  for (int i = 0; i < 5; ++i) semaphore.acquire();
  const Value<int> served;
  std::vector<std::unique_ptr<Member>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::make_unique<Member>([&] {
      semaphore.acquire();
      served += 1;
      pause();
    }));
  }
  for (const auto& waiter : waiters) until_asleep(waiter->pid());
  semaphore.release(3);
  eventually([&] { return served.load() == 3; });
  EXPECT_EQ(semaphore.get_value(), 0);
}

TYPED_TEST(EverySemaphore, admits_no_more_threads_and_processes_than_it_has_permits) {
  const TypeParam semaphore(2);
  const Value<int> inside;
  const Value<int> most;
  const auto work = [&] {
    for (int i = 0; i < 3'000; ++i) {
      const std::scoped_lock guard(semaphore);
      const int now = inside += 1;
      most.update([&](int& m) { m = std::max(m, now); });
      inside -= 1;
    }
  };
  {
    Member a(work);
    Member b(work);
    std::thread c(work);
    work();
    c.join();
    EXPECT_EQ(a.wait(), 0);
    EXPECT_EQ(b.wait(), 0);
  }
  EXPECT_LE(most.load(), 2);
  EXPECT_EQ(semaphore.get_value(), 2);
}

TYPED_TEST(EverySemaphore, a_killed_waiter_disturbs_nobody) {
  const TypeParam semaphore(1);
  for (int round = 0; round < 3; ++round) {
    semaphore.acquire();
    Member victim([&] { semaphore.acquire(); });
    Member other([&] {
      semaphore.acquire();
      semaphore.release();
    });
    until_asleep(victim.pid());
    until_asleep(other.pid());
    victim.kill();
    victim.wait();
    semaphore.release();
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(semaphore.get_value(), 1);
  }
}

TYPED_TEST(EverySemaphore, is_destroyed_with_its_last_handle) {
  const auto before = memory::live_objects();
  {
    const TypeParam semaphore(1);
    const TypeParam same = semaphore;
    semaphore.acquire();
    EXPECT_EQ(same.get_value(), 0);
    EXPECT_EQ(memory::live_objects(), before + 1);
  }
  EXPECT_EQ(memory::live_objects(), before);
}

TYPED_TEST(EverySemaphore, may_be_released_by_a_process_that_did_not_acquire) {
  const TypeParam semaphore(1);
  semaphore.acquire();
  Member other([&] { semaphore.release(); });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(semaphore.get_value(), 1);
}

TEST(Semaphore, may_be_left_out_of_an_aggregate) {
  struct Desk {
    int number;
    Semaphore seats;
    BoundedSemaphore keys;
  };
  const Desk desk{1, {}, {}};
  EXPECT_EQ(desk.seats.get_value(), 1);
  EXPECT_EQ(desk.keys.get_value(), 1);
}

TEST(Semaphore, has_no_upper_bound_but_that_of_its_numbers) {
  const Semaphore semaphore;
  semaphore.release(4);
  EXPECT_EQ(semaphore.get_value(), 5);
  semaphore.release(INT_MAX - 5);
  EXPECT_EQ(semaphore.get_value(), INT_MAX);
  EXPECT_THROW_MESSAGE(semaphore.release(), UsageError, "more than 2147483647 permits");
  EXPECT_EQ(semaphore.get_value(), INT_MAX);
}

TEST(Semaphore, that_returns_permits_counts_new_ones_too) {
  const Semaphore semaphore(0, {.return_on_death = true});
  semaphore.release(INT_MAX);
  EXPECT_THROW(semaphore.release(), UsageError);
  EXPECT_TRUE(semaphore.acquire(false));
  semaphore.release();  // its own: no new one
  EXPECT_EQ(semaphore.get_value(), INT_MAX);
}

TEST(Semaphore, keeps_the_permits_of_a_killed_process_unless_told_otherwise) {
  const Semaphore semaphore(2);
  Member holder([&] {
    semaphore.acquire();
    pause();
  });
  eventually([&] { return semaphore.get_value() == 1; });
  holder.kill();
  holder.wait();
  EXPECT_EQ(semaphore.get_value(), 1);
}

TEST(BoundedSemaphore, cannot_be_released_beyond_its_bound) {
  const BoundedSemaphore semaphore(2);
  EXPECT_THROW_MESSAGE(semaphore.release(), UsageError, "released too many times");
  semaphore.acquire();
  EXPECT_THROW(semaphore.release(2), UsageError);
  EXPECT_EQ(semaphore.get_value(), 1);
  semaphore.release();
  EXPECT_EQ(semaphore.get_value(), 2);
}

TEST(BoundedSemaphore, unlocking_too_often_goes_to_the_log_and_throws_nothing) {
  const BoundedSemaphore semaphore(1);
  royong_test::CapturedStderr captured;
  EXPECT_NO_THROW(semaphore.unlock());
  EXPECT_NE(captured.text().find("released too many times"), std::string::npos);
}

TEST(BoundedSemaphore, a_release_of_many_takes_the_callers_own_permits_first) {
  const BoundedSemaphore semaphore(3);
  semaphore.acquire();
  Member other([&] {
    semaphore.acquire();
    semaphore.acquire();
    semaphore.release();
    pause();
  });
  eventually([&] { return semaphore.get_value() == 1; });
  other.kill();
  other.wait();
  EXPECT_EQ(semaphore.get_value(), 2) << "the one that the dead process still held came back";
}

TYPED_TEST(EveryLedger, all_permits_of_a_killed_process_come_back_to_those_who_wait) {
  const TypeParam semaphore(3);
  const Event taken;
  Member holder([&] {
    for (int i = 0; i < 3; ++i) semaphore.acquire();
    taken.set();
    pause();
  });
  taken.wait();
  Member waiters[2] = {Member([&] {
                         semaphore.acquire();
                         pause();
                       }),
                       Member([&] {
                         semaphore.acquire();
                         pause();
                       })};
  for (const auto& waiter : waiters) until_asleep(waiter.pid());
  holder.kill();
  EXPECT_EQ(holder.wait(), -SIGKILL);
  eventually([&] { return semaphore.get_value() == 1; });
  for (auto& waiter : waiters) {
    waiter.kill();
    waiter.wait();
  }
  EXPECT_EQ(semaphore.get_value(), 3);
}

TYPED_TEST(EveryLedger, permits_of_a_dead_process_whom_nobody_sweeps_are_found_by_a_waiter) {
  const TypeParam semaphore(1);
  const Event taken;
  Member holder([&] {
    semaphore.acquire();
    taken.set();
    pause();
  });
  taken.wait();
  holder.kill();
  holder.reap_without_sweep();
  EXPECT_TRUE(semaphore.acquire());
  holder.sweep();
  EXPECT_EQ(semaphore.get_value(), 0) << "the late sweep does not return it once more";
  semaphore.release();
  EXPECT_EQ(semaphore.get_value(), 1);
}

TYPED_TEST(EveryLedger, permits_of_a_process_that_let_go_of_the_semaphore_come_back_at_its_end) {
  TypeParam semaphore(1);
  const Event taken;
  Member holder([&] {
    semaphore.acquire();
    semaphore = TypeParam(1);  // the last handle of this process: the sweep will not come by
    taken.set();
    pause();
  });
  taken.wait();
  EXPECT_FALSE(semaphore.acquire(false));
  holder.kill();
  holder.wait();
  EXPECT_TRUE(semaphore.acquire(false));
}

TYPED_TEST(EveryLedger, the_next_process_in_a_slot_neither_inherits_nor_loses_permits) {
  TypeParam semaphore(2);
  for (int life = 0; life < 5; ++life) {
    // Each life of the slot takes one and lets go of the handle before its end.
    Member holder([&] {
      EXPECT_TRUE(semaphore.acquire(false));
      semaphore = TypeParam(1);
    });
    EXPECT_EQ(holder.wait(), 0);
    Member next([&] {
      EXPECT_TRUE(semaphore.acquire(false));
      EXPECT_TRUE(semaphore.acquire(false));
      EXPECT_FALSE(semaphore.acquire(false));
      semaphore.release(2);
      EXPECT_EQ(semaphore.get_value(), 2);
    });
    EXPECT_EQ(next.wait(), 0);
  }
  EXPECT_EQ(semaphore.get_value(), 2);
}

TYPED_TEST(EveryLedger, who_dies_in_the_middle_of_a_change_leaves_the_ledger_right) {
  const TypeParam semaphore(2);
  semaphore.acquire();
  auto& record =
      detail::HandleAccess::object(static_cast<const typename TypeParam::Base&>(semaphore))
          .record();
  Member victim([&] {
    memory::RobustGuard guard(record.inner);
    // As if it had stored what it holds, and died before it could store how many are free.
    reinterpret_cast<std::atomic<std::uint32_t>&>(record.state).store(77);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(victim.reap_without_sweep(), -SIGKILL);
  EXPECT_EQ(semaphore.get_value(), 1);
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false));
}

TYPED_TEST(EveryLedger, knows_more_processes_than_its_first_page_has_room_for) {
  memory::release_empty_slabs();
  const auto used = memory::arena_usage().used;
  {
    constexpr int many = 70;
    const TypeParam semaphore(many);
    std::vector<std::unique_ptr<Member>> holders;
    for (int i = 0; i < many; ++i) {
      holders.push_back(std::make_unique<Member>([&] {
        semaphore.acquire();
        pause();
      }));
    }
    eventually([&] { return semaphore.get_value() == 0; });
    for (auto& holder : holders) holder->kill();
    for (auto& holder : holders) holder->wait();
    EXPECT_EQ(semaphore.get_value(), many);
  }
  memory::release_empty_slabs();
  EXPECT_LE(memory::arena_usage().used, used) << "its blocks are gone with it";
}

TYPED_TEST(EveryLedger, cannot_be_used_in_a_child_of_the_users_own_fork) {
  const TypeParam semaphore(1);
  const pid_t child = fork();
  if (child == 0) {
    int refused = 0;
    for (const auto& use :
         {+[](const TypeParam& s) { s.acquire(); }, +[](const TypeParam& s) { s.release(); }}) {
      try {
        use(semaphore);
      } catch (const UsageError&) {
        ++refused;
      }
    }
    _exit(refused == 2 ? 0 : 1);
  }
  EXPECT_EQ(royong_test::exit_code(child), 0);
  EXPECT_EQ(semaphore.get_value(), 1);
}

}  // namespace
}  // namespace royong
