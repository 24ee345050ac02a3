// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono_literals
#include <cstdint>  // for std::uint32_t
#include <mutex>    // for std::scoped_lock, std::unique_lock
#include <thread>   // for std::thread
#include <vector>   // for std::vector

#include "memory/objects.hpp"
#include "os/futex.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/captured_stderr.hpp"
#include "support/eventually.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::Member;
using royong_test::until_asleep;

template <class L>
class EveryLock : public testing::Test {};
using Locks = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(EveryLock, Locks);

TYPED_TEST(EveryLock, is_free_at_first_and_taken_between_acquire_and_release) {
  const TypeParam lock;
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(EveryLock, works_with_the_guards_of_the_standard_library) {
  TypeParam first;
  TypeParam second;
  {
    const std::scoped_lock both(first, second);
    EXPECT_TRUE(first.locked() && second.locked());
  }
  std::unique_lock guard(first, std::try_to_lock);
  EXPECT_TRUE(guard.owns_lock());
  guard.unlock();
  EXPECT_TRUE(guard.try_lock_for(1ms));
  guard.unlock();
  EXPECT_TRUE(guard.try_lock_until(std::chrono::system_clock::now() + 1h));
}

TYPED_TEST(EveryLock, which_another_process_holds_is_not_taken_within_a_time) {
  const TypeParam lock;
  const Event taken;
  Member holder([&] {
    lock.acquire();
    taken.set();
    pause();
  });
  taken.wait();
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_FALSE(lock.acquire(false, 1h));
  EXPECT_FALSE(lock.acquire(true, 1ms));
  EXPECT_FALSE(lock.acquire(-1s));
  EXPECT_FALSE(lock.acquire(120ms));
  EXPECT_FALSE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock_for(1ms));
  EXPECT_FALSE(lock.try_lock_until(std::chrono::system_clock::now() + 1ms));
}

TYPED_TEST(EveryLock, of_a_killed_owner_goes_to_the_next_who_is_told) {
  const TypeParam lock;
  const Event taken;
  Member holder([&] {
    lock.acquire();
    taken.set();
    pause();
  });
  taken.wait();
  std::atomic<bool> waiting{false};
  std::thread waiter([&] {
    waiting = true;
    EXPECT_TRUE(lock.acquire());
    EXPECT_TRUE(lock.abandoned());
    lock.release();
  });
  eventually([&] { return waiting.load(); });
  holder.kill();
  EXPECT_EQ(holder.wait(), -SIGKILL);
  waiter.join();

  EXPECT_TRUE(lock.abandoned()) << "it holds until somebody says that all is well";
  lock.acquire();
  lock.mark_consistent();
  EXPECT_FALSE(lock.abandoned());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(EveryLock, of_a_killed_owner_whom_nobody_sweeps_is_taken_over_by_a_waiter) {
  const TypeParam lock;
  const Event taken;
  Member holder([&] {
    lock.acquire();
    taken.set();
    pause();
  });
  taken.wait();
  holder.kill();
  holder.reap_without_sweep();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
  holder.sweep();
  EXPECT_TRUE(lock.locked()) << "the late sweep does not take it from its new owner";
  lock.release();
}

TYPED_TEST(EveryLock, warns_of_a_dead_owner_with_its_pid) {
  const TypeParam lock;
  Member holder([&] { lock.acquire(); });
  royong_test::CapturedStderr captured;
  const auto pid = holder.pid();
  holder.wait();
  EXPECT_NE(captured.text().find("process " + std::to_string(pid)), std::string::npos);
  EXPECT_TRUE(lock.abandoned());
}

TYPED_TEST(EveryLock, excludes_processes_and_threads_from_each_other) {
  const TypeParam lock;
  const RawValue<long> counter;
  constexpr int rounds = 20'000;
  const auto work = [&] {
    for (int i = 0; i < rounds; ++i) {
      const std::scoped_lock guard(lock);
      ++*counter;
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
  EXPECT_EQ(*counter, 4L * rounds);
}

TYPED_TEST(EveryLock, survives_the_death_of_waiters) {
  const TypeParam lock;
  lock.acquire();
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Member>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(std::make_unique<Member>([&] {
        lock.acquire();
        lock.release();
      }));
    }
    for (const auto& waiter : waiters) until_asleep(waiter->pid());
    waiters[static_cast<std::size_t>(round)]->kill();
    waiters[static_cast<std::size_t>(round)]->wait();
    lock.release();
    for (auto& waiter : waiters) {
      const int code = waiter->wait();
      EXPECT_TRUE(code == 0 || code == -SIGKILL);
    }
    lock.acquire();
  }
  EXPECT_FALSE(lock.abandoned());
}

TYPED_TEST(EveryLock, of_an_owner_that_had_dropped_its_last_handle_is_free_once_that_is_swept) {
  TypeParam lock;
  const royong_test::CapturedStderr quiet;
  Member holder([&] {
    lock.acquire();
    lock = TypeParam();  // the last handle of this process: the sweep will not come by
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(holder.wait(), -SIGKILL);
  EXPECT_TRUE(lock.acquire(false));
  EXPECT_TRUE(lock.abandoned());
  lock.mark_consistent();
  lock.release();
}

TYPED_TEST(EveryLock, is_destroyed_with_its_last_handle) {
  const auto before = memory::live_objects();
  {
    const TypeParam lock;
    const TypeParam same = lock;
    EXPECT_EQ(memory::live_objects(), before + 1);
  }
  EXPECT_EQ(memory::live_objects(), before);
}

TEST(Lock, is_not_recursive) {
  const Lock lock;
  lock.acquire();
  EXPECT_FALSE(lock.acquire(false));
  lock.release();
}

TEST(Lock, may_be_released_by_a_process_that_does_not_own_it) {
  const Lock lock;
  lock.acquire();
  Member other([&] { lock.release(); });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_FALSE(lock.locked());
}

TEST(Lock, that_is_free_cannot_be_released) {
  const Lock lock;
  EXPECT_THROW(lock.release(), UsageError);
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.acquire(false));
  lock.release();
  EXPECT_THROW(lock.release(), UsageError);
}

TEST(Lock, unlocking_what_is_free_goes_to_the_log_and_throws_nothing) {
  const Lock lock;
  royong_test::CapturedStderr captured;
  EXPECT_NO_THROW(lock.unlock());
  EXPECT_NE(captured.text().find("cannot release a Lock that is free"), std::string::npos);
}

TEST(Lock, cannot_be_taken_in_a_child_of_the_users_own_fork) {
  const Lock lock;
  const pid_t child = fork();
  if (child == 0) {
    bool refused = false;
    try {
      lock.acquire();
    } catch (const UsageError&) {
      refused = true;
    }
    _exit(refused ? 0 : 1);
  }
  EXPECT_EQ(royong_test::exit_code(child), 0);
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, is_free_after_as_many_releases_as_its_owner_acquired) {
  const RLock lock;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(lock.acquire(false));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lock.locked());
    lock.release();
  }
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, belongs_to_one_thread_of_one_process) {
  const RLock lock;
  lock.acquire();
  std::thread([&] {
    EXPECT_FALSE(lock.acquire(false));
    EXPECT_THROW(lock.release(), UsageError);
  }).join();
  Member other([&] {
    EXPECT_FALSE(lock.acquire(false));
    EXPECT_THROW(lock.release(), UsageError);
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_TRUE(lock.locked());
  lock.release();
  EXPECT_THROW(lock.release(), UsageError);
}

TEST(RLock, of_an_owner_killed_after_many_acquires_is_free_after_one_release) {
  const RLock lock;
  Member holder([&] {
    for (int i = 0; i < 5; ++i) lock.acquire();
  });
  holder.wait();
  lock.acquire();
  lock.release();
  EXPECT_FALSE(lock.locked());
}

// Who was notified on a Condition cannot go on before the lock is free. These sleepers have no time limit: nothing but the wake-up that they are owed ends their sleep.
TEST(LockWord, whoever_releases_it_wakes_whom_it_owes_a_wake_up) {
  struct State {
    detail::LockWord lock;
    std::atomic<std::uint32_t> is_told[2];
  };
  const RawArray<std::uint64_t> memory(sizeof(State) / sizeof(std::uint64_t));
  auto& state = reinterpret_cast<State&>(memory[0]);
  Member members[2] = {Member([&] {
                         while (state.is_told[0] == 0) {
                           os::futex_wait(state.is_told[0], 0, os::Deadline::max());
                         }
                       }),
                       Member([&] {
                         while (state.is_told[1] == 0) {
                           os::futex_wait(state.is_told[1], 0, os::Deadline::max());
                         }
                       })};
  for (const auto& member : members) until_asleep(member.pid());
  ASSERT_TRUE(state.lock.lock());
  state.is_told[0] = 1;
  state.lock.wake_at_release(state.is_told[0]);
  EXPECT_NE(state.lock.owed.load(), 0u);
  state.is_told[1] = 1;
  state.lock.wake_at_release(state.is_told[1]);  // one is remembered: so the first is woken now
  EXPECT_EQ(members[0].wait(), 0);
  Member releaser([&] { EXPECT_TRUE(state.lock.unlock()); });
  EXPECT_EQ(releaser.wait(), 0);
  EXPECT_EQ(members[1].wait(), 0);
  EXPECT_EQ(state.lock.owed.load(), 0u);
}

}  // namespace
}  // namespace royong
