// SPDX-License-Identifier: Apache-2.0
// Every handle as an argument of a process, in every start method; and the deaths that only a whole process shows.
#include <gtest/gtest.h>

#include <chrono>  // for std::chrono_literals
#include <mutex>   // for std::scoped_lock
#include <string>  // for std::string
#include <thread>  // for std::this_thread::sleep_for
#include <vector>  // for std::vector

#include "memory/objects.hpp"
#include "royong/init.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;

class SyncEveryStartMethod : public testing::TestWithParam<StartMethod> {
 protected:
  Context context() const { return get_context(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Methods, SyncEveryStartMethod,
                         testing::Values(StartMethod::fork, StartMethod::spawn,
                                         StartMethod::forkserver),
                         [](const auto& test) -> std::string {
                           switch (test.param) {
                             case StartMethod::fork: return "fork";
                             case StartMethod::spawn: return "spawn";
                             default: return "forkserver";
                           }
                         });

void count_up(Lock lock, RLock rlock, Event start, RawValue<int> plain, Value<int> atomic,
              Array<int> array, RawArray<double> raw) {
  start.wait();
  for (int i = 0; i < 1'000; ++i) {
    const std::scoped_lock guard(lock);
    ++*plain;
  }
  for (int i = 0; i < 1'000; ++i) {
    const std::scoped_lock outer(rlock);
    const std::scoped_lock inner(rlock);
    raw[0] += 0.5;
  }
  for (int i = 0; i < 1'000; ++i) atomic += 1;
  for (std::size_t i = 0; i < 1'000; ++i) ++array[i % 10];
}

TEST_P(SyncEveryStartMethod, handles_travel_as_arguments_and_name_the_same_objects) {
  const Lock lock;
  const RLock rlock;
  const Event start;
  const RawValue<int> plain;
  const Value<int> atomic;
  const Array<int> array(10);
  const RawArray<double> raw(1);
  std::vector<Process> processes;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(context().process(count_up, lock, rlock, start, plain, atomic, array, raw));
  }
  for (auto& process : processes) process.start();
  start.set();
  for (auto& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(*plain, 3'000);
  EXPECT_EQ(atomic.load(), 3'000);
  EXPECT_EQ(array.load(9), 300);
  EXPECT_EQ(raw[0], 1'500.0);
}

void take_and_stay(Lock lock, Event taken) {
  lock.acquire();
  taken.set();
  std::this_thread::sleep_for(1h);
}

TEST_P(SyncEveryStartMethod, a_lock_of_a_killed_process_is_acquired_by_the_next) {
  const Lock lock;
  const Event taken;
  auto process = context().process(take_and_stay, lock, taken);
  process.start();
  taken.wait();
  EXPECT_FALSE(lock.acquire(false));
  process.kill();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
  lock.release();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGKILL);
}

void take_and_return(Lock lock) { lock.acquire(); }

TEST_P(SyncEveryStartMethod, a_lock_that_a_process_forgot_to_release_is_free_after_its_end) {
  const Lock lock;
  auto process = context().process(take_and_return, lock);
  process.start();
  process.join();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
}

void relay(Queue<std::string> in, Queue<std::string> out) {
  for (auto& message : in) out.put(message + "!");
  out.shutdown();
}

TEST_P(SyncEveryStartMethod, queues_travel_and_a_finished_process_leaves_its_messages_behind) {
  const Queue<std::string> in;
  const Queue<std::string> out;
  auto process = context().process(relay, in, out);
  process.start();
  for (int i = 0; i < 100; ++i) in.put(std::to_string(i));
  in.put(std::string(100'000, 'x'));
  in.shutdown();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  int n = 0;
  for (auto& message : out) {
    EXPECT_EQ(message, (n < 100 ? std::to_string(n) : std::string(100'000, 'x')) + "!");
    ++n;
  }
  EXPECT_EQ(n, 101);
}

void send_handles(Queue<Value<int>> values, Queue<Lock> locks) {
  const Value<int> mine(41);
  values.put(mine);
  const Lock lock;
  lock.acquire();
  locks.put(lock);
}

TEST_P(SyncEveryStartMethod, handles_travel_in_messages_and_outlive_their_maker) {
  const Queue<Value<int>> values;
  const Queue<Lock> locks;
  auto process = context().process(send_handles, values, locks);
  process.start();
  process.join();
  const auto value = values.get();
  value += 1;
  EXPECT_EQ(value.load(), 42);
  const auto lock = locks.get();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
}

void nested(StartMethod method, Value<int> depth, Queue<int> queue) {
  queue.put(depth += 1);
  if (depth.load() >= 3) return;
  auto child = get_context(method).process(nested, method, depth, queue);
  child.start();
  child.join();
}

TEST_P(SyncEveryStartMethod, handles_travel_on_to_nested_processes) {
  const Value<int> depth;
  const Queue<int> queue;
  auto process = context().process(nested, GetParam(), depth, queue);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(depth.load(), 3);
  EXPECT_EQ(queue.get_many(10), (std::vector<int>{1, 2, 3}));
}

TEST_P(SyncEveryStartMethod, nothing_is_left_of_objects_that_killed_processes_held) {
  const auto before = memory::live_objects();
  {
    const Lock lock;
    const Event taken;
    auto process = context().process(take_and_stay, lock, taken);
    process.start();
    taken.wait();
    process.kill();
    process.join();
  }
  EXPECT_EQ(memory::live_objects(), before);
}

}  // namespace
}  // namespace royong
