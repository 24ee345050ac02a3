// SPDX-License-Identifier: Apache-2.0
// Closing, terminating, destroying a pool in any state; misuse; callbacks; memory.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "pool/small_arena.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class PoolLifetime : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
};

TEST_P(PoolLifetime, close_lets_everything_finish) {
  mp::Pool pool = make();
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 300; ++i) futures.push_back(pool.apply_async(square, i));
  pool.close();
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_TRUE(pool.join());
  for (int i = 0; i < 300; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  EXPECT_TRUE(mp::active_children().empty());
}

TEST_P(PoolLifetime, destruction_lets_everything_finish) {
  std::vector<mp::Future<int>> futures;
  {
    mp::Pool pool = make();
    for (int i = 0; i < 300; ++i) futures.push_back(pool.apply_async(square, i));
  }
  for (int i = 0; i < 300; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
}

TEST_P(PoolLifetime, destruction_by_an_exception_terminates) {
  std::optional<mp::Future<int>> stuck;
  try {
    mp::Pool pool = make();
    stuck = pool.apply_async(wait_for_ever);
    throw std::runtime_error("elsewhere");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(stuck->cancelled());
  EXPECT_THROW(stuck->get(), mp::CancelledError);
}

TEST_P(PoolLifetime, terminate_cancels_what_has_not_ended) {
  mp::Pool pool = make();
  const auto ended = pool.apply_async(square, 3);
  ended.wait();
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(pool.apply_async(wait_for_ever));
  pool.terminate();
  pool.terminate();
  for (const auto& future : futures) EXPECT_THROW(future.get(), mp::CancelledError);
  EXPECT_EQ(ended.get(), 9);
  EXPECT_TRUE(pool.join());
  EXPECT_TRUE(mp::active_children().empty());
}

int resist(const mp::Event& ready) {
  ::signal(SIGTERM, SIG_IGN);
  ready.set();
  return wait_for_ever();
}

TEST_P(PoolLifetime, terminate_ends_workers_that_resist) {
  mp::Pool pool = make(1);
  const mp::Event ready;
  pool.apply_async(resist, ready);
  ready.wait();
  pool.terminate();
  EXPECT_TRUE(pool.join());
}

TEST_P(PoolLifetime, terminate_ends_workers_that_are_stopped) {
  mp::Pool pool = make(1);
  ::kill(pool.apply(own_pid), SIGSTOP);
  pool.terminate();
  EXPECT_TRUE(pool.join());
}

TEST_P(PoolLifetime, terminate_at_once_after_the_start) {
  mp::Pool pool = make(4);
  pool.terminate();
  EXPECT_TRUE(pool.join());
}

TEST_P(PoolLifetime, join_with_a_time_limit_gives_up) {
  mp::Pool pool = make(1);
  const mp::Event open;
  const auto future = pool.apply_async(held, open, 1);
  pool.close();
  EXPECT_FALSE(pool.join(20ms));
  open.set();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(future.get(), 1);
}

TEST_P(PoolLifetime, misuse_is_refused) {
  EXPECT_THROW(mp::Pool(-1), mp::UsageError);
  EXPECT_THROW(make(1, {.maxtasksperchild = -1}), mp::UsageError);
  mp::Pool pool = make(1);
  EXPECT_THROW(pool.join(), mp::UsageError);
  EXPECT_THROW(pool.map({.chunksize = -1}, square, std::vector<int>{1}), mp::UsageError);
  EXPECT_THROW(pool.apply({.retries = -1}, square, 1), mp::UsageError);
  EXPECT_THROW(mp::Future<int>().get(), mp::InvalidStateError);
  pool.close();
  EXPECT_THROW(pool.apply(square, 1), mp::UsageError);
  EXPECT_THROW(pool.map(square, std::vector<int>{1}), mp::UsageError);
}

TEST_P(PoolLifetime, a_fork_of_the_users_is_refused) {
  mp::Pool pool = make(1);
  EXPECT_EQ(pool.apply(square, 2), 4);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      pool.apply_async(square, 1);
    } catch (const mp::UsageError&) {
      ::_exit(42);
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(PoolLifetime, pending_tasks_can_be_cancelled_and_running_ones_not) {
  mp::Pool pool = make(1);
  const mp::Event open;
  const auto running = pool.apply_async(held, open, 1);
  std::vector<mp::Future<int>> pending;
  for (int i = 0; i < 10; ++i) pending.push_back(pool.apply_async(square, i));
  eventually([&] { return running.running(); });
  EXPECT_FALSE(running.cancel());
  for (const auto& future : pending) {
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.get(), mp::CancelledError);
    EXPECT_THROW(future.exception(), mp::CancelledError);
  }
  open.set();
  EXPECT_EQ(running.get(), 1);
  EXPECT_FALSE(running.cancel());
}

TEST_P(PoolLifetime, get_gives_up_in_time_and_the_task_goes_on) {
  mp::Pool pool = make(1);
  const mp::Event open;
  const auto future = pool.apply_async(held, open, 1);
  EXPECT_THROW(future.get(10ms), mp::TimeoutError);
  EXPECT_THROW(future.exception(0s), mp::TimeoutError);
  EXPECT_FALSE(future.wait(1ms));
  EXPECT_THROW(future.successful(), mp::InvalidStateError);
  open.set();
  EXPECT_EQ(future.get(), 1);
}

TEST_P(PoolLifetime, an_idle_worker_takes_over_what_waits_behind_a_slow_task) {
  mp::Pool pool = make(2);
  const mp::Event open;
  const auto slow = pool.apply_async(held, open, 1);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(pool.apply_async(sleep_ms, 20));
  for (const auto& future : futures) EXPECT_EQ(future.get(), 20);
  EXPECT_FALSE(slow.done());
  open.set();
}

TEST_P(PoolLifetime, the_backlog_flows_when_nobody_waits) {
  mp::Pool pool = make(2);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 60; ++i) futures.push_back(pool.apply_async(sleep_ms, 2));
  eventually([&] { return std::ranges::all_of(futures, &mp::Future<int>::done); });
}

/// Collects what callbacks say.
struct Notes {
  std::mutex mutex;
  std::vector<int> values;
  void add(int value) {
    std::lock_guard lock(mutex);
    values.push_back(value);
  }
  std::size_t size() {
    std::lock_guard lock(mutex);
    return values.size();
  }
};

TEST_P(PoolLifetime, callbacks_run_in_order_though_one_throws) {
  Notes notes;
  {
    mp::Pool pool = make(1);
    const auto future = pool.apply_async(sleep_ms, 50);
    future.add_done_callback([&](const mp::Future<int>& f) { notes.add(f.get()); });
    future.add_done_callback([](const mp::Future<int>&) { throw std::runtime_error("a test's"); });
    future.add_done_callback([&](const mp::Future<int>&) { notes.add(2); });
    eventually([&] { return notes.size() == 2; });
    future.add_done_callback([&](const mp::Future<int>&) { notes.add(3); });
    EXPECT_EQ(pool.apply(square, 2), 4);
  }
  EXPECT_THAT(notes.values, ElementsAre(50, 2, 3));
}

TEST_P(PoolLifetime, a_callback_on_what_has_ended_runs_at_once_and_here) {
  std::optional<mp::Future<int>> future;
  std::thread::id where;
  const auto note = [&](const mp::Future<int>& f) {
    EXPECT_EQ(f.get(), 9);
    where = std::this_thread::get_id();
  };
  {
    mp::Pool pool = make(1);
    future = pool.apply_async(square, 3);
    future->wait();
    future->add_done_callback(note);
    EXPECT_EQ(where, std::this_thread::get_id());
    future->add_done_callback([](const mp::Future<int>&) { throw std::runtime_error("a test's"); });
  }
  where = {};
  future->add_done_callback(note);
  EXPECT_EQ(where, std::this_thread::get_id()) << "the pool has ended";
}

TEST_P(PoolLifetime, callbacks_may_wait_submit_and_terminate) {
  Notes notes;
  mp::Pool pool = make(1);
  const auto first = pool.apply_async(square, 3);
  first.add_done_callback([&](const mp::Future<int>& f) {
    notes.add(pool.apply(square, f.get()));
    pool.terminate();
    notes.add(1);
  });
  eventually([&] { return notes.size() == 2; });
  EXPECT_TRUE(pool.join());
  EXPECT_THAT(notes.values, ElementsAre(81, 1));
}

TEST_P(PoolLifetime, a_slow_callback_stops_nobody) {
  std::mutex gate;
  std::unique_lock closed(gate);
  mp::Pool pool = make(1);
  const mp::Event open;
  pool.apply_async(held, open, 1).add_done_callback([&](const mp::Future<int>&) {
    std::lock_guard wait(gate);
  });
  open.set();
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 200; ++i) futures.push_back(pool.apply_async(square, i));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  closed.unlock();
}

TEST_P(PoolLifetime, futures_outlive_their_pool) {
  std::optional<mp::Future<std::vector<char>>> large;
  {
    mp::Pool pool = make(1);
    large = pool.apply_async(make_bytes, std::size_t{1} << 20);
  }
  EXPECT_EQ(large->get().size(), 1U << 20);
}

TEST_P(PoolLifetime, a_full_arena_is_an_error_and_the_program_goes_on) {
  mp::Pool pool = make(1);
  EXPECT_EQ(pool.apply(square, 2), 4);
  {
    SmallArena small(4 << 20);
    EXPECT_THROW(pool.apply(length, std::vector<char>(8 << 20)), mp::ArenaFull);
    EXPECT_THROW(pool.apply(make_bytes, std::size_t{64} << 20), mp::ArenaFull);
    EXPECT_EQ(pool.apply(length, std::vector<char>(1 << 20)), 1U << 20);
    // More than there is room for, but not at once: earlier chunks are waited for.
    const std::vector<int> many(4 << 20, 3);
    EXPECT_EQ(pool.map({.chunksize = 1 << 17}, square, many), std::vector<int>(4 << 20, 9));
  }
  EXPECT_EQ(pool.apply(make_bytes, std::size_t{8} << 20).size(), 8U << 20);
}

ROYONG_EVERY_START_METHOD(PoolLifetime);

}  // namespace
}  // namespace royong_test
