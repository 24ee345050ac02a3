// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>   // for std::chrono_literals
#include <list>     // for std::list
#include <variant>  // for std::variant
#include <vector>   // for std::vector

#include "channel/met.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/future.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "royong/sync.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::meet;
using royong_test::Member;
using royong_test::until_asleep;

TEST(Wait, returns_all_that_are_ready_in_the_order_given) {
  const auto [a, b] = Pipe();
  const auto [c, d] = Pipe();
  const auto [e, f] = Pipe();
  EXPECT_TRUE(wait({b, d, f}, 0s).empty());
  EXPECT_TRUE(wait({b, d, f}, -1s).empty());
  EXPECT_TRUE(wait({b, d, f}, 2ms).empty());
  e.send(3);
  a.send(1);
  const auto ready = wait({b, d, f});
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].recv<int>(), 1);
  EXPECT_EQ(ready[1].recv<int>(), 3);
  EXPECT_TRUE(wait(std::list{b, d, f}, 0s).empty());
}

TEST(Wait, of_nothing_is_nothing_at_once) {
  EXPECT_TRUE(wait(std::vector<Connection>{}).empty());
  EXPECT_TRUE(wait(std::vector<int>{}, 1ms).empty());
}

TEST(Wait, sees_what_other_processes_put_at_once) {
  const Queue<int> queue;
  const Queue<int> other;
  const auto [a, b] = Pipe();
  Member member([&] {
    queue.put(1);
    a.send(1);
  });
  EXPECT_EQ(member.wait(), 0);
  EXPECT_EQ(wait({queue, other}, 0s).size(), 1u);
  EXPECT_EQ(wait({a, b}, 0s).size(), 1u);
}

TEST(Wait, wakes_when_another_process_puts) {
  const Queue<int> queue;
  const auto [a, b] = Pipe();
  const Event first;
  const pid_t waiter = ::getpid();
  Member member([&] {
    until_asleep(waiter);
    queue.put(1);
    first.wait();
    until_asleep(waiter);
    a.send(1);
  });
  EXPECT_EQ(wait({queue}).size(), 1u);
  first.set();
  EXPECT_EQ(wait({b}).size(), 1u);
  EXPECT_EQ(member.wait(), 0);
}

TEST(Wait, mixes_kinds_in_variants) {
  using Any = std::variant<Connection, Queue<int>, int>;
  Listener listener;
  const auto [a, b] = Pipe();
  const auto [c, d] = meet(listener);
  const Queue<int> queue;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::vector<Any> all{b, d, queue, ends[0]};
  EXPECT_TRUE(wait(all, 0s).empty());
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  ASSERT_EQ(wait(all).size(), 1u);
  EXPECT_EQ(std::get<int>(wait(all).at(0)), ends[0]);
  queue.put(1);
  c.send(1);
  a.send(1);
  EXPECT_EQ(wait(all).size(), 4u);
  for (const int fd : ends) ::close(fd);
}

TEST(Wait, tells_ends_and_shutdowns) {
  auto [a, b] = Pipe();
  const Queue<int> queue;
  a.close();
  EXPECT_EQ(wait({b}).size(), 1u);
  queue.shutdown();
  EXPECT_EQ(wait({queue}).size(), 1u);
}

void end_when(Queue<int> queue) { queue.get(); }

TEST(Wait, of_processes_gives_pointers_to_those_that_ended) {
  const Queue<int> one;
  const Queue<int> two;
  std::vector<Process> processes;
  processes.emplace_back(end_when, one);
  processes.emplace_back(end_when, two);
  for (auto& process : processes) process.start();
  EXPECT_TRUE(wait(processes, 0s).empty());
  two.put(1);
  const std::vector<Process*> ended = wait(processes);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0], &processes[1]);
  one.put(1);
  processes[0].join();
  EXPECT_EQ(wait(processes).size(), 2u);
}

TEST(Wait, refuses_what_is_closed) {
  auto [a, b] = Pipe();
  b.close();
  EXPECT_THROW(wait({a, b}), UsageError);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  for (const int fd : ends) ::close(fd);
  EXPECT_THROW_MESSAGE(wait({ends[0]}), UsageError, "not open");
}

TEST(Wait, refuses_a_number_that_can_be_no_descriptor) {
  const auto [a, b] = Pipe();
  EXPECT_THROW_MESSAGE(wait({-1}, 0s), UsageError, "cannot wait for descriptor -1: it is not open");
  a.send(1);
  EXPECT_THROW(wait(std::vector<std::variant<Connection, int>>{b, -1}), UsageError);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST(Wait, leaves_the_wait_for_futures_alone) {
  const auto result = wait(std::vector<Future<int>>{}, 0s);
  EXPECT_TRUE(result.done.empty());
}

}  // namespace
}  // namespace royong
