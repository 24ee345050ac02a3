// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A client is killed in each operation that can wait, once as a process of the program and once as a stranger: whatever it waited for goes to the others.
 */
#include <gtest/gtest.h>

#include <array>     // for std::array
#include <chrono>    // for std::chrono_literals
#include <csignal>   // for SIGKILL
#include <mutex>     // for std::scoped_lock
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <tuple>     // for std::tuple
#include <vector>    // for std::vector

#include "manager/objects/barrier.hpp"
#include "manager/parked.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using Numbers = mp::ManagerList<int>;
using ServedNumbers = mp::ManagerQueue<int>::ServedClass;

/// What a call can wait for: all locks are taken, all queues too full or too empty.
struct Objects {
  mp::ManagerEvent parked;  ///< the victim's call waits
  mp::ManagerLock mark;     ///< the victim's: who gets it next knows that its end is known
  mp::ManagerList<Numbers> box;
  mp::ManagerLock lock;
  mp::ManagerRLock rlock;
  mp::ManagerSemaphore semaphore;
  mp::ManagerSemaphore returning;
  mp::ManagerBoundedSemaphore bounded;
  mp::ManagerQueue<int> full;
  mp::ManagerQueue<int> half;
  mp::ManagerQueue<int> empty;
  mp::ManagerJoinableQueue<int> jobs;
  mp::ManagerCondition condition;
  mp::ManagerBarrier barrier;
  mp::ManagerEvent event;

  static constexpr int count = 15;

  void for_each(auto what) {
    what("parked", parked), what("mark", mark), what("box", box), what("lock", lock);
    what("rlock", rlock), what("semaphore", semaphore), what("returning", returning);
    what("bounded", bounded), what("full", full), what("half", half), what("empty", empty);
    what("jobs", jobs), what("condition", condition), what("barrier", barrier);
    what("event", event);
  }
};

Objects make_objects(const mp::Manager& manager) {
  Objects made{manager.event(),
               manager.lock(),
               manager.list<Numbers>(),
               manager.lock(),
               manager.rlock(),
               manager.semaphore(0),
               manager.semaphore(0, {.return_on_death = true}),
               manager.bounded_semaphore(1),
               manager.queue<int>(1),
               manager.queue<int>(2),
               manager.queue<int>(),
               manager.joinable_queue<int>(),
               manager.condition(),
               manager.barrier(2),
               manager.event()};
  made.lock.acquire();
  made.rlock.acquire();
  made.bounded.acquire();
  made.full.put(1);
  made.half.put(1);
  made.jobs.put(1);
  made.for_each([&](const char* name, const auto& object) { manager.publish(name, object); });
  return made;
}

Objects find_objects(const mp::Manager& manager) {
  Objects found;
  found.for_each([&](const char* name, auto& object) {
    object = manager.find<std::remove_reference_t<decltype(object)>>(name);
  });
  return found;
}

struct Operation {
  const char* name;
  /// The victim's: makes the call, tells when it waits, and does not return.
  void (*wait)(const Objects& objects);
  /// After its end: nothing was lost, and nothing taken.
  void (*check)(const Objects& objects);
};

void expect_one_permit(const auto& semaphore) {
  semaphore.release();
  EXPECT_EQ(semaphore.get_value(), 1);
}

void expect_that_a_message_passes(const Objects& objects) {
  objects.empty.put(7);
  EXPECT_EQ(objects.empty.qsize(), 1U);
  EXPECT_EQ(objects.empty.get(0s), 7);
}

void expect_nothing_put(const Objects& objects) {
  EXPECT_EQ(objects.full.get(0s), 1);
  EXPECT_TRUE(objects.full.empty());
  EXPECT_TRUE(objects.full.try_put(2));
}

/// A notification would be the victim's, who waited first.
void expect_that_others_are_notified(const Objects& objects) {
  const auto& condition = objects.condition;
  condition.acquire();
  const auto waiting = condition.wait_async();
  condition.acquire();
  condition.notify();
  condition.release();
  waiting.get();
  condition.release();
  EXPECT_FALSE(condition.locked());
}

void expect_a_broken_barrier(const Objects& objects) {
  EXPECT_TRUE(objects.barrier.broken());
  EXPECT_EQ(objects.barrier.n_waiting(), 0);
  objects.barrier.reset();
  const auto first = objects.barrier.wait_async();
  EXPECT_EQ(objects.barrier.wait(), 1);
  EXPECT_EQ(first.get(), 0);
}

const std::array operations{
    Operation{"LockAcquire", [](const Objects& o) { stay(o.parked, o.lock.acquire_async()); },
              [](const Objects& o) {
                o.lock.release();
                EXPECT_FALSE(o.lock.locked());
              }},
    Operation{"RLockAcquire", [](const Objects& o) { stay(o.parked, o.rlock.acquire_async()); },
              [](const Objects& o) {
                o.rlock.release();
                EXPECT_FALSE(o.rlock.locked());
                EXPECT_FALSE(o.rlock.abandoned());
              }},
    Operation{"SemaphoreAcquire",
              [](const Objects& o) { stay(o.parked, o.semaphore.acquire_async()); },
              [](const Objects& o) { expect_one_permit(o.semaphore); }},
    Operation{"ReturningSemaphoreAcquire",
              [](const Objects& o) { stay(o.parked, o.returning.acquire_async()); },
              [](const Objects& o) { expect_one_permit(o.returning); }},
    Operation{"BoundedSemaphoreAcquire",
              [](const Objects& o) { stay(o.parked, o.bounded.acquire_async()); },
              [](const Objects& o) { expect_one_permit(o.bounded); }},
    Operation{"QueuePut", [](const Objects& o) { stay(o.parked, o.full.put_async(8)); },
              &expect_nothing_put},
    Operation{"QueuePutMany",
              [](const Objects& o) {
                stay(o.parked, Parked(o.full).start<&ServedNumbers::put_many>(std::vector{8, 9},
                                                                              mp::forever));
              },
              &expect_nothing_put},
    Operation{"QueuePutManyWithAPartPut",
              [](const Objects& o) {
                stay(o.parked, Parked(o.half).start<&ServedNumbers::put_many>(std::vector{2, 3},
                                                                              mp::forever));
              },
              [](const Objects& o) {
                EXPECT_EQ(o.half.get_many(9), (std::vector{1, 2}));
                EXPECT_TRUE(o.half.empty());
              }},
    Operation{"QueueGet", [](const Objects& o) { stay(o.parked, o.empty.get_async()); },
              &expect_that_a_message_passes},
    Operation{"QueueGetMany",
              [](const Objects& o) {
                stay(o.parked, Parked(o.empty).start<&ServedNumbers::get>(std::size_t{5}, 1h));
              },
              &expect_that_a_message_passes},
    Operation{"JoinableQueueJoin", [](const Objects& o) { stay(o.parked, o.jobs.join_async()); },
              [](const Objects& o) {
                EXPECT_FALSE(o.jobs.join(0s));
                EXPECT_EQ(o.jobs.get(), 1);
                o.jobs.task_done();
                EXPECT_TRUE(o.jobs.join());
                EXPECT_EQ(o.jobs.lost(), 0U);
              }},
    Operation{"ConditionWait",
              [](const Objects& o) {
                o.condition.acquire();
                stay(o.parked, o.condition.wait_async());
              },
              &expect_that_others_are_notified},
    Operation{"ConditionWaitFor",
              [](const Objects& o) {
                o.condition.acquire();
                o.condition.wait_for([&] {
                  o.parked.set();  // it waits when it has given the lock up
                  return false;
                });
              },
              &expect_that_others_are_notified},
    Operation{"BarrierWait", [](const Objects& o) { stay(o.parked, o.barrier.wait_async()); },
              &expect_a_broken_barrier},
    Operation{"BarrierWaitWithATimeout",
              [](const Objects& o) {
                using Served = mp::ManagerBarrier::ServedClass;
                stay(o.parked, Parked(o.barrier).start<&Served::wait_for>(1h));
              },
              &expect_a_broken_barrier},
    Operation{"EventWait", [](const Objects& o) { stay(o.parked, o.event.wait_async()); },
              [](const Objects& o) {
                o.event.set();
                EXPECT_TRUE(o.event.wait());
              }},
};

/// @param objects nothing: of the manager at the address, as a stranger
void wait_in(std::size_t which, std::string address, std::optional<Objects> objects) {
  std::optional<mp::Manager> client;
  if (!objects) {
    client.emplace(mp::Manager::connect({.address = address}));
    objects.emplace(find_objects(*client));
  }
  const auto own = objects->box.pop();  // nobody else has it
  objects->mark.acquire();
  operations[which].wait(*objects);
}

class KilledCaller : public testing::TestWithParam<std::tuple<std::size_t, bool>> {};

TEST_P(KilledCaller, disturbs_nobody_and_leaves_nothing) {
  const auto [which, is_stranger] = GetParam();
  const auto manager = mp::Manager::serve({.limits = {.objects = Objects::count + 1}});
  const auto objects = make_objects(manager);
  objects.box.append(manager.list<int>());
  mp::Process victim(wait_in, which, manager.address(),
                     is_stranger ? std::nullopt : std::optional(objects));
  victim.start();
  objects.parked.wait();
  {
    const std::scoped_lock guard(objects.condition);
  }
  EXPECT_THROW(manager.list<int>(), mp::UsageError);  // the victim has the last one
  victim.kill();
  victim.join();
  EXPECT_EQ(victim.exitcode(), -SIGKILL);
  EXPECT_TRUE(objects.mark.acquire());
  EXPECT_TRUE(objects.mark.abandoned());
  operations[which].check(objects);
  // What it alone had is gone.
  eventually([&] {
    try {
      return manager.list<int>().valid();
    } catch (const mp::UsageError&) {
      return false;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(In, KilledCaller,
                         testing::Combine(testing::Range(std::size_t{0}, operations.size()),
                                          testing::Bool()),
                         [](const auto& all) {
                           return std::string(operations[std::get<0>(all.param)].name) +
                                  (std::get<1>(all.param) ? "AsAStranger" : "OfTheFamily");
                         });

}  // namespace
}  // namespace royong_test
