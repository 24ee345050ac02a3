// SPDX-License-Identifier: Apache-2.0
// What the death of workers does to tasks, by every start method, with real signals.
#include <gmock/gmock.h>

#include <atomic>
#include <random>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class PoolDeath : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
};

TEST_P(PoolDeath, of_a_running_worker_fails_its_task_and_names_it) {
  mp::Pool pool = make();
  const auto future = pool.apply_async({.name = "doomed"}, die);
  try {
    future.get();
    FAIL() << "the task did not fail";
  } catch (const mp::WorkerDied& error) {
    EXPECT_THAT(error.what(), HasSubstr("task 'doomed' was lost: worker " +
                                        std::to_string(error.pid()) + " was killed by SIGKILL"));
    EXPECT_EQ(error.exitcode(), -SIGKILL);
    EXPECT_EQ(error.task(), "doomed");
  }
  EXPECT_FALSE(future.successful());
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(PoolDeath, takes_the_running_task_only) {
  mp::Pool pool = make(1);
  const auto first = pool.apply_async(die);
  std::vector<mp::Future<int>> rest;
  for (int i = 0; i < 50; ++i) rest.push_back(pool.apply_async(square, i));
  EXPECT_THROW(first.get(), mp::WorkerDied);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(rest[static_cast<std::size_t>(i)].get(), i * i);
}

TEST_P(PoolDeath, of_an_idle_worker_is_not_noticed) {
  mp::Pool pool = make(1);
  const int before = pool.apply(own_pid);
  ::kill(before, SIGKILL);
  int after = before;
  for (int i = 0; i < 10000 && after == before; ++i) {
    try {
      after = pool.apply(own_pid);
    } catch (const mp::WorkerDied&) {
      FAIL() << "no task was running";
    }
  }
  EXPECT_NE(after, before);
}

int die_once(const std::string& file) {
  if (read_text(file).empty()) {
    write_text(file, "died");
    die();
  }
  return 5;
}

TEST_P(PoolDeath, is_survived_by_tasks_with_retries) {
  mp::Pool pool = make();
  EXPECT_EQ(pool.apply({.retries = 1}, die_once, file("once")), 5);
  EXPECT_THROW(pool.apply({.retries = 3}, die), mp::WorkerDied);
}

TEST_P(PoolDeath, by_exit_is_told_with_the_code) {
  mp::Pool pool = make();
  try {
    pool.apply([] { ::_exit(3); });
    FAIL() << "the task did not fail";
  } catch (const mp::WorkerDied& error) {
    EXPECT_EQ(error.exitcode(), 3);
    EXPECT_THAT(error.what(), HasSubstr("exited with code 3"));
  }
  EXPECT_THROW(pool.apply([] { std::exit(0); }), mp::WorkerDied);
  EXPECT_THROW(pool.apply([] { std::abort(); }), mp::WorkerDied);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(PoolDeath, by_the_limit_of_processor_time_says_so) {
  mp::Pool pool = make(1, {.limits = {.cpu = 1}});
  try {
    pool.apply([] {
      for (std::atomic<int> turns{0};;) ++turns;
    });
    FAIL() << "the task did not fail";
  } catch (const mp::WorkerDied& error) {
    EXPECT_THAT(error.what(), HasSubstr("was killed by SIGXCPU (its limit of 1 s of processor "
                                        "time was used up)"));
  }
}

TEST_P(PoolDeath, by_the_memory_limit_is_none_where_the_task_can_throw) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  GTEST_SKIP() << "a sanitizer's allocator ends the program where others throw";
#endif
  mp::Pool pool = make(1, {.limits = {.memory = std::size_t{256} << 20}});
  EXPECT_THROW(pool.apply([] { return std::vector<char>(std::size_t{1} << 30).size(); }),
               std::bad_alloc);
  EXPECT_EQ(pool.apply(square, 3), 9);
  try {
    // Where nothing may be thrown the program ends: then the limit is named, and no cause.
    pool.apply([]() noexcept { return std::vector<char>(std::size_t{1} << 30).size(); });
    FAIL() << "the task did not fail";
  } catch (const mp::WorkerDied& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("was killed by SIGABRT (its memory was limited to 268435456 bytes)"));
  }
}

TEST_P(PoolDeath, past_the_time_limit_is_a_TimeoutError) {
  mp::Pool pool = make();
  const auto stuck = pool.apply_async({.name = "stuck", .timeout = 50ms}, wait_for_ever);
  const auto other = pool.apply_async(sleep_ms, 200);
  try {
    stuck.get();
    FAIL() << "the task did not fail";
  } catch (const mp::TimeoutError& error) {
    EXPECT_THAT(error.what(), HasSubstr("task 'stuck' ran longer than 0.05 s"));
  }
  EXPECT_EQ(other.get(), 200);
  EXPECT_EQ(pool.apply({.timeout = 10s}, square, 3), 9);
}

TEST_P(PoolDeath, past_the_time_limit_comes_also_when_nobody_waits) {
  mp::Pool pool = make(1);
  const auto stuck = pool.apply_async({.timeout = 50ms}, wait_for_ever);
  const auto next = pool.apply_async(square, 4);
  eventually([&] { return stuck.done(); });
  EXPECT_EQ(next.get(), 16);
  EXPECT_THROW(stuck.get(), mp::TimeoutError);
}

TEST_P(PoolDeath, past_the_time_limit_comes_also_while_other_results_keep_everybody_awake) {
  mp::Pool pool = make(2);
  const auto stuck = pool.apply_async({.timeout = 50ms}, wait_for_ever);
  while (!stuck.done()) EXPECT_EQ(pool.apply(square, 3), 9);
  EXPECT_THROW(stuck.get(), mp::TimeoutError);
}

TEST_P(PoolDeath, in_a_map_fails_or_is_retried) {
  mp::Pool pool = make();
  const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_THROW(pool.map([](int x) { return x == 5 ? die() : x; }, numbers), mp::WorkerDied);
  const std::string once = file("once");
  const std::vector<std::string> files(8, once);
  EXPECT_EQ(pool.map({.task = {.retries = 1}}, die_once, files), std::vector<int>(8, 5));
  EXPECT_THROW(
      pool.map(
          {.task = {.timeout = 50ms}}, [](int x) { return x == 5 ? wait_for_ever() : x; }, numbers),
      mp::TimeoutError);
  EXPECT_EQ(
      pool.map({.chunksize = 8, .task = {.timeout = 400ms}}, sleep_ms, std::vector<int>(8, 100))
          .size(),
      8U);
}

TEST_P(PoolDeath, in_the_initializer_breaks_the_pool_in_the_end) {
  mp::Pool pool = make(1, {.initializer = [] { ::_exit(7); }, .restarts = {.count = 2}});
  try {
    pool.apply(square, 1);
    FAIL() << "the pool is not broken";
  } catch (const mp::BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr("exited with code 7"));
  }
  EXPECT_THROW(pool.apply(square, 1), mp::BrokenProcessPool);
}

TEST_P(PoolDeath, a_failing_initializer_breaks_the_pool_with_its_cause) {
  mp::Pool pool = make(2, {.initializer = [] { throw std::runtime_error("no licence"); }});
  try {
    pool.apply(square, 1);
    FAIL() << "the pool is not broken";
  } catch (const mp::BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr("no licence"));
    EXPECT_THROW(std::rethrow_if_nested(error), std::runtime_error);
  }
  EXPECT_THROW(pool.apply_async(square, 1).get(), mp::BrokenProcessPool);
}

TEST_P(PoolDeath, at_random_loses_at_most_one_task_each) {
  mp::Pool pool = make(2);
  std::vector<mp::Future<int>> plain;
  std::vector<mp::Future<int>> retried;
  std::minstd_rand random(GetParam() == mp::StartMethod::spawn ? 1 : 2);
  int kills = 0;
  for (int i = 0; i < 2000; ++i) {
    plain.push_back(pool.apply_async(square, i));
    retried.push_back(pool.apply_async({.retries = 1000}, square, i));
    if (i % 200 == 199) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
      for (const auto& child : mp::active_children()) {
        if (random() % 2 == 0) continue;
        child.kill();
        ++kills;
      }
    }
  }
  int lost = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto index = static_cast<std::size_t>(i);
    EXPECT_EQ(retried[index].get(), i * i);
    try {
      EXPECT_EQ(plain[index].get(), i * i);
    } catch (const mp::WorkerDied&) {
      ++lost;
    }
  }
  EXPECT_LE(lost, kills);
}

ROYONG_EVERY_START_METHOD(PoolDeath);

}  // namespace
}  // namespace royong_test
