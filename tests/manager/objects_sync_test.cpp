// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Locks, semaphores, conditions, barriers and queues of a manager, used by several processes.
 */
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>  // for std::sort
#include <chrono>     // for std::chrono_literals
#include <mutex>      // for std::scoped_lock
#include <optional>   // for std::nullopt
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "manager/processes.hpp"
#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using testing::ElementsAre;

using Numbers = mp::ManagerList<int>;

TEST(ManagerLockTest, works_with_the_guards_of_the_standard_library) {
  const mp::Manager manager;
  const auto first = manager.lock();
  const auto second = manager.rlock();
  {
    const std::scoped_lock guard(first, second);
    EXPECT_TRUE(first.locked());
    EXPECT_FALSE(first.try_lock());
    EXPECT_TRUE(second.try_lock());  // again
    second.unlock();
  }
  std::unique_lock guard(first, 1s);
  EXPECT_TRUE(guard.owns_lock());
  EXPECT_FALSE(first.acquire(false));
  EXPECT_FALSE(first.acquire(1ms));
  EXPECT_FALSE(first.acquire(true, 1ms));
  guard.unlock();
  EXPECT_THROW_MESSAGE(first.release(), mp::UsageError, "released too many times");
  EXPECT_THROW(second.release(), mp::UsageError);
  EXPECT_FALSE(first.abandoned());
}

void append_in_pairs(mp::ManagerLock lock, Numbers book, int number) {
  for (int i = 0; i < 25; ++i) {
    const std::scoped_lock guard(lock);
    book.append(number);
    book.append(-number);
  }
}

TEST(ManagerLockTest, lets_one_in_at_a_time) {
  const mp::Manager manager;
  const auto lock = manager.lock();
  const auto book = manager.list<int>();
  std::vector<mp::Process> processes;
  for (int i = 1; i <= 4; ++i) processes.emplace_back(append_in_pairs, lock, book, i);
  run(processes);
  const auto entries = book.copy();
  ASSERT_EQ(entries.size(), 200U);
  for (std::size_t i = 0; i < entries.size(); i += 2) EXPECT_EQ(entries[i], -entries[i + 1]);
}

TEST(ManagerSemaphoreTest, counts_permits) {
  const mp::Manager manager;
  const auto semaphore = manager.semaphore(2);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false));
  EXPECT_TRUE(semaphore.locked());
  semaphore.release(3);
  EXPECT_EQ(semaphore.get_value(), 3);
  const auto bounded = manager.bounded_semaphore(1);
  EXPECT_THROW_MESSAGE(bounded.release(), mp::UsageError, "released too many times");
  EXPECT_THROW(manager.semaphore(-1), mp::UsageError);
}

void consume(mp::ManagerCondition condition, Numbers items, mp::ManagerValue<int> sum) {
  for (int i = 0; i < 20; ++i) {
    const std::scoped_lock guard(condition);
    condition.wait_for([&] { return !items.empty(); });
    const int item = items.pop(0);
    sum.update([](int& total, int by) { total += by; }, item);
  }
}

void produce(mp::ManagerCondition condition, Numbers items, int first) {
  for (int i = 0; i < 20; ++i) {
    const std::scoped_lock guard(condition);
    items.append(first + i);
    condition.notify();
  }
}

TEST(ManagerConditionTest, brings_producers_and_consumers_together) {
  const mp::Manager manager;
  const auto lock = manager.lock();
  for (const auto& condition : {manager.condition(), manager.condition(lock)}) {
    const auto items = manager.list<int>();
    const auto sum = manager.value<int>(0);
    std::vector<mp::Process> processes;
    processes.emplace_back(consume, condition, items, sum);
    processes.emplace_back(consume, condition, items, sum);
    processes.emplace_back(produce, condition, items, 0);
    processes.emplace_back(produce, condition, items, 1000);
    run(processes);
    EXPECT_EQ(sum.get(), 20 * 1000 + 2 * 190);
  }
  EXPECT_FALSE(lock.locked());
}

TEST(ManagerConditionTest, shares_a_lock_with_others) {
  const mp::Manager manager;
  const auto lock = manager.rlock();
  const auto one = manager.condition(lock);
  const auto two = manager.condition(lock);
  EXPECT_THROW_MESSAGE(one.notify(), mp::UsageError, "does not own its lock");
  EXPECT_THROW(one.wait_for([] { return true; }), mp::UsageError);
  EXPECT_TRUE(lock.acquire());
  two.notify_all();
  EXPECT_FALSE(one.wait(1ms));
  EXPECT_FALSE(two.wait_for([] { return false; }, 1ms));
  EXPECT_TRUE(two.locked());
  one.release();
  EXPECT_FALSE(lock.locked());
}

TEST(ManagerConditionTest, has_no_lock_of_another_manager) {
  const mp::Manager manager;
  const mp::Manager other;
  EXPECT_THROW_MESSAGE(manager.condition(other.lock()), mp::UsageError,
                       "its lock belongs to another manager");
}

void meet(mp::ManagerBarrier barrier, Numbers places) {
  for (int round = 0; round < 10; ++round) places.append(barrier.wait());
}

TEST(ManagerBarrierTest, parties_pass_together) {
  const mp::Manager manager;
  const auto barrier = manager.barrier(3);
  const auto places = manager.list<int>();
  std::vector<mp::Process> processes;
  for (int i = 0; i < 3; ++i) processes.emplace_back(meet, barrier, places);
  run(processes);
  for (int place = 0; place < 3; ++place) EXPECT_EQ(places.count(place), 10U);
  EXPECT_THROW(barrier.wait(1ms), mp::BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.parties(), 3);
  barrier.abort();
  EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
  EXPECT_THROW(manager.barrier(0), mp::UsageError);
  EXPECT_THROW(manager.barrier(2, 1ms).wait(), mp::BrokenBarrierError);
}

/// Counts in a list of the same server how many have arrived, before anybody passes.
struct Note {
  Numbers rounds;
  void operator()() const { rounds.append(static_cast<int>(rounds.size())); }
};

void fail_at_once() { throw std::out_of_range("the action fails"); }

TEST(ManagerBarrierTest, an_action_runs_in_the_server_before_anybody_passes) {
  const mp::Manager manager;
  const auto rounds = manager.list<int>();
  const auto barrier = manager.barrier(3, Note{rounds}, 60s);
  const auto places = manager.list<int>();
  std::vector<mp::Process> processes;
  for (int i = 0; i < 3; ++i) processes.emplace_back(meet, barrier, places);
  run(processes);
  EXPECT_EQ(rounds.size(), 10U);
  const auto pid = manager.value<int>(0);
  manager
      .barrier(1,
               mp::bind_front([](const mp::ManagerValue<int>& it) { it.store(::getpid()); }, pid))
      .wait();
  EXPECT_EQ(pid.load(), manager.make<int>().call([](int&) { return ::getpid(); }));
}

TEST(ManagerBarrierTest, what_an_action_throws_goes_to_the_last_party) {
  const mp::Manager manager;
  const auto barrier = manager.barrier(2, fail_at_once);
  const auto first = barrier.wait_async();
  EXPECT_THROW_MESSAGE((first.done(), barrier.wait()), std::out_of_range, "the action fails");
  EXPECT_THROW(first.get(), mp::BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(manager.barrier(1, std::nullopt).wait(), 0);
}

void square_all(mp::ManagerQueue<int> jobs, mp::ManagerQueue<int> results) {
  for (auto& job : jobs) results.put(job * job);
}

TEST(ManagerQueueTest, carries_jobs_and_results) {
  const mp::Manager manager;
  const auto jobs = manager.queue<int>(3);
  const auto results = manager.queue<int>();
  mp::Process first(square_all, jobs, results);
  mp::Process second(square_all, jobs, results);
  first.start();
  second.start();
  for (int i = 0; i < 50; ++i) jobs.put(i);
  jobs.shutdown();
  first.join();
  second.join();
  auto squares = results.get_many(100);
  std::sort(squares.begin(), squares.end());
  ASSERT_EQ(squares.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
}

TEST(ManagerQueueTest, says_full_and_empty) {
  const mp::Manager manager;
  const auto queue = manager.queue<std::string>(2);
  EXPECT_THROW(queue.get_nowait(), mp::Empty);
  EXPECT_THROW(queue.get(1ms), mp::Empty);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  queue.put("a");
  queue.put_nowait("b");
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait("c"), mp::Full);
  EXPECT_THROW(queue.put("c", 1ms), mp::Full);
  EXPECT_FALSE(queue.try_put("c"));
  EXPECT_EQ(queue.put_many({"c", "d"}, 1ms), 0U);
  EXPECT_EQ(queue.qsize(), 2U);
  EXPECT_EQ(queue.get(), "a");
  EXPECT_THAT(queue.get_many(5), ElementsAre("b"));
  EXPECT_TRUE(queue.empty());
  EXPECT_THROW(queue.get_many(-1), mp::UsageError);
  queue.shutdown();
  EXPECT_THROW(queue.put("x"), mp::ShutDown);
  EXPECT_THROW(queue.get(), mp::ShutDown);
  EXPECT_THROW(manager.queue<int>(-1), mp::UsageError);
}

void work_off(mp::ManagerJoinableQueue<int> jobs, int count) {
  for (int i = 0; i < count; ++i) {
    static_cast<void>(jobs.get());
    jobs.task_done();
  }
}

TEST(ManagerQueueTest, join_waits_for_the_last_report) {
  const mp::Manager manager;
  const auto jobs = manager.joinable_queue<int>();
  for (int i = 0; i < 20; ++i) jobs.put(i);
  EXPECT_FALSE(jobs.join(0s));
  std::vector<mp::Process> processes;
  processes.emplace_back(work_off, jobs, 10);
  processes.emplace_back(work_off, jobs, 10);
  for (auto& process : processes) process.start();
  EXPECT_TRUE(jobs.join());
  for (auto& process : processes) process.join();
  EXPECT_THROW(jobs.task_done(), mp::UsageError);
  EXPECT_EQ(jobs.lost(), 0U);
}

}  // namespace
}  // namespace royong_test
