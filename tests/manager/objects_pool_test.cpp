// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A pool in a manager's server: tasks of several processes, their ends, and the deaths of workers, clients and the server.
 */
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>     // for std::chrono_literals
#include <csignal>    // for raise, kill
#include <numeric>    // for std::iota
#include <stdexcept>  // for std::domain_error
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "manager/objects/pool.hpp"
#include "manager/parked.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;

int square(int x) { return x * x; }
void add(mp::ManagerValue<int> total, int n) {
  total.update([](int& value, int by) { value += by; }, n);
}
int die(int) {
  ::raise(SIGKILL);
  return 0;
}
int fail(int) { throw std::domain_error("no square"); }
void wait_for(mp::Event event) { event.wait(); }

TEST(ManagerPoolTest, runs_functions_in_processes_of_its_own) {
  const mp::Manager manager;
  const auto pool = manager.pool(2);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.apply(square, 7), 49);
  const int server =
      manager.value<int>(0).update([](int&) { return static_cast<int>(::getpid()); });
  const int worker = pool.apply([] { return static_cast<int>(::getpid()); });
  EXPECT_NE(worker, server);
  EXPECT_NE(worker, ::getpid());
  const auto text = pool.apply_async([](std::string s) { return s + "!"; }, "hello");
  EXPECT_EQ(text.get(), "hello!");
  const auto total = manager.value<int>(1);
  pool.apply(add, total, 5);  // a proxy, in a worker
  EXPECT_EQ(total.get(), 6);
}

TEST(ManagerPoolTest, maps_in_order) {
  const mp::Manager manager;
  const auto pool = manager.pool(2);
  std::vector<int> numbers(101);
  std::iota(numbers.begin(), numbers.end(), 0);
  const std::vector<int> squares = pool.map(square, numbers);
  ASSERT_EQ(squares.size(), 101U);
  for (std::size_t i = 0; i < 101; ++i) EXPECT_EQ(squares[i], static_cast<int>(i * i));
  EXPECT_TRUE(pool.map(square, std::vector<int>()).empty());
}

TEST(ManagerPoolTest, what_a_task_throws_comes_back_as_itself) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  EXPECT_THROW_MESSAGE(pool.apply(fail, 3), std::domain_error, "no square");
  EXPECT_THROW(pool.map(fail, std::vector<int>{1, 2}), std::domain_error);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST(ManagerPoolTest, the_death_of_a_worker_is_told_to_who_waits_for_its_task) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  const auto dead = pool.apply_async(die, 0);
  const auto next = pool.apply_async(square, 4);
  EXPECT_THROW_MESSAGE(dead.get(), mp::WorkerDied, "was killed by SIGKILL");
  EXPECT_EQ(next.get(), 16);
}

void use(mp::ManagerPool pool, mp::ManagerList<int> results) {
  results.extend(pool.map(square, std::vector<int>{1, 2, 3}));
}

TEST(ManagerPoolTest, is_shared_by_processes) {
  const mp::Manager manager;
  const auto pool = manager.pool(2);
  const auto results = manager.list<int>();
  std::vector<mp::Process> processes;
  for (int i = 0; i < 3; ++i) processes.emplace_back(use, pool, results).start();
  for (auto& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  for (const int expected : {1, 4, 9}) EXPECT_EQ(results.count(expected), 3U);
}

TEST(ManagerPoolTest, is_joined_when_its_tasks_have_ended) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  EXPECT_THROW_MESSAGE(pool.join(), mp::UsageError, "neither closed nor terminated");
  const mp::Event event;
  const auto task = pool.apply_async(wait_for, event);
  pool.close();
  EXPECT_THROW(pool.apply(square, 1), mp::UsageError);
  EXPECT_FALSE(pool.join(0s));
  event.set();
  EXPECT_TRUE(pool.join());
  task.get();
}

TEST(ManagerPoolTest, tasks_of_a_terminated_pool_are_cancelled) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  const auto task = pool.apply_async(wait_for, mp::Event());
  pool.terminate();
  EXPECT_THROW(task.get(), mp::CancelledError);
  EXPECT_TRUE(pool.join());
}

void submit_and_stay(mp::ManagerPool pool, mp::Event started, mp::Event go,
                     mp::ManagerValue<int> total) {
  const auto task = pool.apply_async(
      [](mp::Event begun, mp::Event go_on, mp::ManagerValue<int> value) {
        begun.set();
        go_on.wait();
        add(value, 1);
      },
      started, go, total);
  task.wait();
}

TEST(ManagerPoolTest, the_death_of_a_client_does_not_stop_its_tasks) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  const auto total = manager.value<int>(0);
  const mp::Event started;
  const mp::Event go;
  mp::Process client(submit_and_stay, pool, started, go, total);
  client.start();
  started.wait();
  client.kill();
  client.join();
  go.set();
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(total.get(), 1);
}

struct CountWhenTold {
  mp::Event begun;
  mp::Event go;
  mp::ManagerValue<int> total;
  void operator()(int n) const {
    begun.set();
    go.wait();
    add(total, n);
  }
};

TEST(ManagerPoolTest, the_death_of_a_client_in_a_map_leaves_the_workers_to_the_others) {
  const mp::Manager manager;
  const auto pool = manager.pool(2);
  const CountWhenTold task{mp::Event(), mp::Event(), manager.value<int>(0)};
  mp::Process client([](mp::ManagerPool shared,
                        CountWhenTold count) { shared.map(count, std::vector{1, 2, 3, 4, 5}); },
                     pool, task);
  client.start();
  task.begun.wait();
  client.kill();
  client.join();
  EXPECT_EQ(client.exitcode(), -SIGKILL);
  task.go.set();
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3}), (std::vector{1, 4, 9}));
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_GE(task.total.get(), 1);  // what it had handed over is carried out
}

TEST(ManagerPoolTest, the_death_of_a_client_that_joins_disturbs_nobody) {
  const mp::Manager manager;
  const auto pool = manager.pool(1);
  const mp::Event go;
  const auto task = pool.apply_async(wait_for, go);
  pool.close();
  Victim victim(
      manager,
      [](mp::ManagerEvent parked, mp::ManagerPool shared) {
        stay(parked, Parked(shared).start<&mp::ManagerPool::ServedClass::join>(mp::forever));
      },
      pool);
  victim.kill();
  go.set();
  EXPECT_TRUE(pool.join());
  task.get();
}

TEST(ManagerPoolTest, the_end_of_the_server_ends_its_tasks) {
  mp::Manager manager;
  const auto pool = manager.pool(1);
  const mp::Event started;
  const auto task = pool.apply_async(
      [](mp::Event begun) {
        begun.set();
        mp::Event().wait();
      },
      started);
  started.wait();
  manager.shutdown();
  EXPECT_THROW(task.get(), mp::EndOfFile);
  EXPECT_THROW(pool.apply(square, 1), mp::EndOfFile);
}

TEST(ManagerPoolTest, ends_with_its_last_proxy) {
  const mp::Manager manager;
  pid_t worker = 0;
  {
    const auto pool = manager.pool(1);
    worker = pool.apply([] { return ::getpid(); });
  }
  // The worker is nobody's child here; that nothing is left at the test's end is what the harness checks.
  EXPECT_GT(worker, 0);
  EXPECT_EQ(manager.value<int>(3).get(), 3);  // the server goes on
}

}  // namespace
}  // namespace royong_test
