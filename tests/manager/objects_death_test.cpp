// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Clients that are killed while their calls wait in the server, and servers that end under waiting calls.
 */
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono_literals
#include <csignal>  // for kill
#include <cstdlib>  // for std::exit
#include <mutex>    // for std::scoped_lock
#include <string>   // for std::string
#include <thread>   // for std::thread
#include <vector>   // for std::vector

#include "manager/objects/barrier.hpp"
#include "manager/objects/condition.hpp"
#include "manager/objects/event.hpp"
#include "manager/objects/lock.hpp"
#include "manager/parked.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;

using Letters = mp::ManagerQueue<std::string>;
using ServedLetters = Letters::ServedClass;

void park_get(mp::ManagerEvent parked, Letters queue) {
  stay(parked, Parked(queue).start<&ServedLetters::get>(std::size_t{1}, mp::forever));
}

void park_get_and_hold(mp::ManagerEvent parked, Letters queue, mp::ManagerLock lock) {
  lock.acquire();
  park_get(parked, queue);
}

TEST(KilledClient, that_waits_for_a_message_takes_none_once_its_end_is_known) {
  const mp::Manager manager;
  const auto queue = manager.queue<std::string>();
  const auto lock = manager.lock();
  Victim victim(manager, park_get_and_hold, queue, lock);
  victim.kill();
  EXPECT_TRUE(lock.acquire());  // its end is known: all objects hear of it in one turn
  queue.put("a");
  EXPECT_EQ(queue.get(), "a");
}

void park_put(mp::ManagerEvent parked, Letters queue) {
  stay(parked, Parked(queue).start<&ServedLetters::put>("from the dead", mp::forever));
}

void park_put_and_hold(mp::ManagerEvent parked, Letters queue, mp::ManagerLock lock) {
  lock.acquire();
  park_put(parked, queue);
}

void park_lock(mp::ManagerEvent parked, mp::ManagerLock lock) {
  stay(parked, Parked(lock).start<&mp::ManagerLock::ServedClass::acquire>(mp::forever));
}

void hold_lock(mp::ManagerEvent parked, mp::ManagerLock lock) {
  stay(parked,
       (lock.acquire(), Parked(lock).start<&mp::ManagerLock::ServedClass::acquire>(mp::forever)));
}

void hold_rlock(mp::ManagerEvent parked, mp::ManagerRLock lock, mp::ManagerEvent never) {
  lock.acquire();
  lock.acquire();
  parked.set();
  never.wait();
}

TEST(KilledClient, that_waits_for_room_puts_nothing_once_its_end_is_known) {
  const mp::Manager manager;
  const auto queue = manager.queue<std::string>(1);
  const auto lock = manager.lock();
  queue.put("a");
  Victim victim(manager, park_put_and_hold, queue, lock);
  victim.kill();
  EXPECT_TRUE(lock.acquire());  // its end is known
  EXPECT_EQ(queue.get(), "a");
  queue.put("b");
  EXPECT_EQ(queue.get(), "b");
  EXPECT_TRUE(queue.empty());
}

TEST(KilledClient, that_owned_a_lock_leaves_it_to_the_next_abandoned) {
  const mp::Manager manager;
  const auto lock = manager.lock();
  Victim victim(manager, hold_lock, lock);
  EXPECT_FALSE(lock.acquire(false));
  std::thread killer([&] { victim.kill(); });
  EXPECT_TRUE(lock.acquire());
  killer.join();
  EXPECT_TRUE(lock.abandoned());
  lock.mark_consistent();
  lock.release();
  EXPECT_TRUE(lock.acquire(false));
  EXPECT_FALSE(lock.abandoned());
}

TEST(KilledClient, that_waited_for_a_lock_disturbs_nobody) {
  const mp::Manager manager;
  const auto lock = manager.lock();
  EXPECT_TRUE(lock.acquire());
  Victim first(manager, park_lock, lock);
  Victim second(manager, park_lock, lock);
  first.kill();
  lock.release();  // to a client that may be dead, or to the second
  second.kill();
  EXPECT_TRUE(lock.acquire());
  lock.release();
}

TEST(KilledClient, that_took_an_rlock_twice_frees_it_altogether) {
  const mp::Manager manager;
  const auto lock = manager.rlock();
  Victim victim(manager, hold_rlock, lock, manager.event());
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_THROW(lock.release(), mp::UsageError);
  victim.kill();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

void hold_permits(mp::ManagerEvent parked, mp::ManagerBoundedSemaphore semaphore, int n,
                  mp::ManagerEvent never) {
  for (int i = 0; i < n; ++i) semaphore.acquire();
  parked.set();
  never.wait();
}

TEST(KilledClient, gives_its_permits_back) {
  const mp::Manager manager;
  const auto semaphore = manager.bounded_semaphore(3);
  Victim victim(manager, hold_permits, semaphore, 2, manager.event());
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false));
  std::thread killer([&] { victim.kill(); });
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_TRUE(semaphore.acquire());
  killer.join();
  semaphore.release(3);
  EXPECT_EQ(semaphore.get_value(), 3);
}

void hold_returning_permits(mp::ManagerEvent parked, mp::ManagerSemaphore semaphore,
                            mp::ManagerEvent never) {
  semaphore.acquire();
  parked.set();
  never.wait();
}

TEST(KilledClient, gives_the_permits_of_a_semaphore_back_if_that_was_asked_for) {
  const mp::Manager manager;
  const auto semaphore = manager.semaphore(1, {.return_on_death = true});
  Victim victim(manager, hold_returning_permits, semaphore, manager.event());
  EXPECT_FALSE(semaphore.acquire(false));
  std::thread killer([&] { victim.kill(); });
  EXPECT_TRUE(semaphore.acquire());
  killer.join();
  semaphore.release();
  EXPECT_EQ(semaphore.get_value(), 1);
}

void park_condition(mp::ManagerEvent parked, mp::ManagerCondition condition) {
  condition.acquire();
  stay(parked, Parked(condition).start<&mp::ManagerCondition::ServedClass::wait>(mp::forever));
}

void wait_for_word(mp::ManagerEvent parked, mp::ManagerCondition condition,
                   mp::ManagerList<int> heard, int number) {
  condition.acquire();
  const auto call = Parked(condition).start<&mp::ManagerCondition::ServedClass::wait>(mp::forever);
  parked.set();
  if (call.get()) heard.append(number);
  condition.release();
}

TEST(KilledClient, that_waited_with_a_condition_takes_no_notification) {
  const mp::Manager manager;
  const auto condition = manager.condition();
  const auto heard = manager.list<int>();
  Victim victim(manager, park_condition, condition);
  const auto parked = manager.event();
  mp::Process survivor(wait_for_word, parked, condition, heard, 7);
  survivor.start();
  parked.wait();
  {
    // The notification is the victim's, who waits for the lock now; it dies before it owns it.
    const std::scoped_lock guard(condition);
    condition.notify();
    victim.kill();
  }
  survivor.join();
  EXPECT_EQ(survivor.exitcode(), 0);
  EXPECT_THAT(heard.copy(), testing::ElementsAre(7));
}

void park_barrier(mp::ManagerEvent parked, mp::ManagerBarrier barrier) {
  stay(parked, Parked(barrier).start<&mp::ManagerBarrier::ServedClass::wait>());
}

TEST(KilledClient, that_waited_at_a_barrier_breaks_it) {
  const mp::Manager manager;
  const auto barrier = manager.barrier(3);
  Victim victim(manager, park_barrier, barrier);
  EXPECT_EQ(barrier.n_waiting(), 1);
  std::thread killer([&] { victim.kill(); });
  EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
  killer.join();
  EXPECT_TRUE(barrier.broken());
}

void park_event(mp::ManagerEvent parked, mp::ManagerEvent event, mp::ManagerEvent woken) {
  const auto call = Parked(event).start<&mp::ManagerEvent::ServedClass::wait>(mp::forever);
  parked.set();
  if (call.get()) woken.set();
  mp::Event().wait();
}

TEST(KilledClient, that_waited_for_an_event_disturbs_nobody) {
  const mp::Manager manager;
  const auto event = manager.event();
  const auto woken = manager.event();
  Victim first(manager, park_event, event, manager.event());
  Victim second(manager, park_event, event, woken);
  first.kill();
  event.set();
  EXPECT_TRUE(woken.wait());
  second.kill();
}

void take_and_stay(mp::ManagerEvent parked, mp::ManagerJoinableQueue<int> jobs,
                   mp::ManagerEvent never) {
  jobs.get();
  parked.set();
  never.wait();
}

TEST(KilledClient, loses_the_jobs_that_it_had_taken_and_no_join_waits_for_it) {
  const mp::Manager manager;
  const auto jobs = manager.joinable_queue<int>();
  jobs.put(1);
  Victim victim(manager, take_and_stay, jobs, manager.event());
  EXPECT_FALSE(jobs.join(0s));
  std::thread killer([&] { victim.kill(); });
  EXPECT_TRUE(jobs.join());
  killer.join();
  EXPECT_EQ(jobs.lost(), 1U);
}

/// Every waiting call, each in a thread of its own; all must end with EndOfFile.
class WaitingCalls {
 public:
  explicit WaitingCalls(const mp::Manager& manager)
      : lock_(manager.lock()),
        empty_(manager.queue<int>()),
        full_(manager.queue<int>(1)),
        jobs_(manager.joinable_queue<int>()),
        condition_(manager.condition()),
        event_(manager.event()),
        barrier_(manager.barrier(9)),
        semaphore_(manager.semaphore(0)),
        bounded_(manager.bounded_semaphore(0)) {
    lock_.acquire();
    full_.put(1);
    jobs_.put(1);
    begin([this] { lock_.acquire(); });
    begin([this] { empty_.get(); });
    begin([this] { full_.put(2); });
    begin([this] { jobs_.join(); });
    begin([this] {
      condition_.acquire();
      condition_.wait();
    });
    begin([this] { event_.wait(); });
    begin([this] { barrier_.wait(); });
    begin([this] { semaphore_.acquire(); });
    begin([this] { bounded_.acquire(1h); });
    // One of them is known to wait in the server; the others' calls may come after its end, to the same effect.
    eventually([this] { return barrier_.n_waiting() == 1; });
  }
  /// @return how many ended as they should
  int join() {
    for (auto& thread : threads_) thread.join();
    return ended_.load();
  }
  int count() const { return static_cast<int>(threads_.size()); }

 private:
  template <class F>
  void begin(F f) {
    threads_.emplace_back([this, f] {
      try {
        f();
        ADD_FAILURE() << "a call returned";
      } catch (const mp::EndOfFile&) {
        ++ended_;
      }
    });
  }

  mp::ManagerLock lock_;
  mp::ManagerQueue<int> empty_;
  mp::ManagerQueue<int> full_;
  mp::ManagerJoinableQueue<int> jobs_;
  mp::ManagerCondition condition_;
  mp::ManagerEvent event_;
  mp::ManagerBarrier barrier_;
  mp::ManagerSemaphore semaphore_;
  mp::ManagerBoundedSemaphore bounded_;
  std::atomic<int> ended_{0};
  std::vector<std::thread> threads_;
};

TEST(EndingServer, ends_every_waiting_call) {
  mp::Manager manager;
  WaitingCalls calls(manager);
  manager.shutdown();
  EXPECT_EQ(calls.join(), calls.count());
}

int own_pid(int&) { return ::getpid(); }

TEST(KilledServer, ends_every_waiting_call) {
  mp::Manager manager;
  const int server = manager.value<int>(0).update(own_pid);
  ASSERT_NE(server, ::getpid());
  WaitingCalls calls(manager);
  ASSERT_EQ(::kill(server, SIGKILL), 0);
  EXPECT_EQ(calls.join(), calls.count());
}

void wait_in_vain(mp::ManagerQueue<int> queue, mp::ManagerEvent parked) {
  try {
    const auto call =
        Parked(queue).start<&mp::ManagerQueue<int>::ServedClass::get>(std::size_t{1}, mp::forever);
    parked.set();
    call.get();
    std::exit(3);
  } catch (const mp::EndOfFile&) {
    std::exit(7);
  }
}

TEST(KilledServer, ends_the_waiting_calls_of_other_processes) {
  mp::Manager manager;
  const int server = manager.value<int>(0).update(own_pid);
  const auto parked = manager.event();
  mp::Process process(wait_in_vain, manager.queue<int>(), parked);
  process.start();
  parked.wait();
  ASSERT_EQ(::kill(server, SIGKILL), 0);
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

/// Two numbers that are equal whenever nobody owns the lock, unless an owner died.
void step(mp::ManagerLock lock, mp::ManagerArray<int> pair, mp::ManagerBoundedSemaphore permits) {
  for (;;) {
    permits.acquire();
    {
      const std::scoped_lock guard(lock);
      if (lock.abandoned()) {
        pair[1] = pair[0];
        lock.mark_consistent();
      }
      if (pair.load(0) != pair.load(1)) std::exit(9);
      const int next = pair.load(0) + 1;
      pair[0] = next;
      pair[1] = next;
    }
    permits.release();
  }
}

TEST(KilledClient, of_many_leaves_locks_and_permits_to_the_others) {
  const mp::Manager manager;
  const auto lock = manager.lock();
  const auto pair = manager.array<int>(2);
  const auto permits = manager.bounded_semaphore(2);
  std::vector<mp::Process> processes;
  for (int i = 0; i < 3; ++i) processes.emplace_back(step, lock, pair, permits).start();
  for (int kills = 0; kills < 30; ++kills) {
    const int before = pair.load(0);
    eventually([&] { return pair.load(0) > before + kills % 4; });
    auto& victim = processes[static_cast<std::size_t>(kills) % processes.size()];
    victim.kill();
    victim.join();
    EXPECT_EQ(victim.exitcode(), -SIGKILL);
    victim = mp::Process(step, lock, pair, permits);
    victim.start();
  }
  for (auto& process : processes) {
    process.kill();
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);  // not 9: the pair was never torn unseen
  }
  EXPECT_TRUE(lock.acquire());
  eventually([&] { return permits.get_value() == 2; });
}

}  // namespace
}  // namespace royong_test
