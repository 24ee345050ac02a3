// SPDX-License-Identifier: Apache-2.0
// The sixteen cases that Python's tests of its executors call deadlocks (test_concurrent_futures/test_deadlock.py): an error, an exit or a
// crash at each step of a task's way. Each ends in the right error, and the pool goes on.
#include <gmock/gmock.h>

#include <atomic>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

using testing::HasSubstr;

enum class When { encode, decode };
enum class What { error, exit, crash };

constexpr int exit_code_of_traps = 3;

void spring(What what) {
  switch (what) {
    case What::error: throw std::invalid_argument("the trap has sprung");
    case What::exit: std::exit(exit_code_of_traps);
    case What::crash: die();
  }
}

/// A value that does harm on its way: as an argument it is encoded here and decoded in the worker, as a result the other way round.
template <When when, What what>
struct Trap {
  int value = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    if (Archive::is_saving == (when == When::encode)) spring(what);
    archive(value);
  }
};

template <When when, What what>
int take(const Trap<when, what>& trap) {
  return trap.value;
}
template <When when, What what>
Trap<when, what> make_trap() {
  return {};
}

class PoolDeadlock : public EveryStartMethod {
 protected:
  mp::ProcessPoolExecutor make(int workers = 2) {
    return mp::ProcessPoolExecutor(workers, {.start_method = GetParam()});
  }
  static void expect_death(const mp::Future<int>& future, int code) {
    expect_death_of(future, code);
  }
  template <class R>
  static void expect_death_of(const mp::Future<R>& future, int code) {
    try {
      future.get();
      ADD_FAILURE() << "the task did not fail";
    } catch (const mp::WorkerDied& error) {
      EXPECT_EQ(error.exitcode(), code);
    }
  }
  static void expect_life(mp::ProcessPoolExecutor& executor) {
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(executor.submit(square, i));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  }
};

// 1: test_error_at_task_pickle. Whoever submits is told at once.
TEST_P(PoolDeadlock, error_while_the_task_is_encoded) {
  auto executor = make();
  EXPECT_THROW(executor.submit(take<When::encode, What::error>, Trap<When::encode, What::error>{}),
               std::invalid_argument);
  expect_life(executor);
}

// 2: test_exit_at_task_unpickle
TEST_P(PoolDeadlock, exit_while_the_task_is_decoded) {
  auto executor = make();
  expect_death(executor.submit(take<When::decode, What::exit>, Trap<When::decode, What::exit>{}),
               exit_code_of_traps);
  expect_life(executor);
}

// 3: test_error_at_task_unpickle
TEST_P(PoolDeadlock, error_while_the_task_is_decoded) {
  auto executor = make();
  const auto future =
      executor.submit(take<When::decode, What::error>, Trap<When::decode, What::error>{});
  EXPECT_THROW(future.get(), std::invalid_argument);
  expect_life(executor);
}

// 4: test_crash_at_task_unpickle
TEST_P(PoolDeadlock, crash_while_the_task_is_decoded) {
  auto executor = make();
  expect_death(executor.submit(take<When::decode, What::crash>, Trap<When::decode, What::crash>{}),
               -SIGKILL);
  expect_life(executor);
}

// 5: test_crash_during_func_exec_on_worker
TEST_P(PoolDeadlock, crash_in_the_function) {
  auto executor = make();
  expect_death(executor.submit(die), -SIGKILL);
  expect_life(executor);
}

// 6: test_exit_during_func_exec_on_worker
TEST_P(PoolDeadlock, exit_in_the_function) {
  auto executor = make();
  const auto future = executor.submit([]() -> int { std::exit(exit_code_of_traps); });
  expect_death(future, exit_code_of_traps);
  expect_life(executor);
}

// 7: test_error_during_func_exec_on_worker
TEST_P(PoolDeadlock, error_in_the_function) {
  auto executor = make();
  EXPECT_THROW(executor.submit(throw_out_of_range, 1).get(), std::out_of_range);
  expect_life(executor);
}

// 8: test_crash_during_result_pickle_on_worker
TEST_P(PoolDeadlock, crash_while_the_result_is_encoded) {
  auto executor = make();
  expect_death_of(executor.submit(make_trap<When::encode, What::crash>), -SIGKILL);
  expect_life(executor);
}

// 9: test_exit_during_result_pickle_on_worker
TEST_P(PoolDeadlock, exit_while_the_result_is_encoded) {
  auto executor = make();
  expect_death_of(executor.submit(make_trap<When::encode, What::exit>), exit_code_of_traps);
  expect_life(executor);
}

// 10: test_error_during_result_pickle_on_worker
TEST_P(PoolDeadlock, error_while_the_result_is_encoded) {
  auto executor = make();
  EXPECT_THROW(executor.submit(make_trap<When::encode, What::error>).get(), std::invalid_argument);
  expect_life(executor);
}

// 11: test_error_during_result_unpickle_in_result_handler. Every `get` tells it, and nobody else.
TEST_P(PoolDeadlock, error_while_the_result_is_decoded) {
  auto executor = make();
  const auto future = executor.submit(make_trap<When::decode, What::error>);
  EXPECT_THROW(future.get(), std::invalid_argument);
  EXPECT_THROW(future.get(), std::invalid_argument);
  expect_life(executor);
}

// 12: test_exit_during_result_unpickle_in_result_handler. It is the caller who decodes and so the caller who exits, with tasks under way.
void exit_while_decoding(mp::StartMethod method) {
  mp::ProcessPoolExecutor executor(2, {.start_method = method});
  for (int i = 0; i < 10; ++i) executor.submit(wait_for_ever);
  executor.submit(nothing);
  mp::ProcessPoolExecutor other(1, {.start_method = method});
  other.submit(make_trap<When::decode, What::exit>).get();
}

TEST_P(PoolDeadlock, exit_while_the_result_is_decoded) {
  mp::Process process({.daemon = false, .start_method = GetParam()}, exit_while_decoding,
                      GetParam());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), exit_code_of_traps);
}

// 13: test_shutdown_deadlock. Shut down while a worker dies.
TEST_P(PoolDeadlock, shutdown_while_a_worker_crashes) {
  auto executor = make();
  const auto future = executor.submit(die);
  executor.shutdown();
  expect_death(future, -SIGKILL);
  EXPECT_TRUE(mp::active_children().empty());
}

// 14: test_shutdown_deadlock_pickle. Shut down without waiting after a task that could not be encoded.
TEST_P(PoolDeadlock, shutdown_after_an_error_while_the_task_is_encoded) {
  {
    auto executor = make();
    EXPECT_THROW(
        executor.submit(take<When::encode, What::error>, Trap<When::encode, What::error>{}),
        std::invalid_argument);
    executor.shutdown(false);
  }
  EXPECT_TRUE(mp::active_children().empty());
}

std::size_t die_at_large(const std::vector<char>& bytes) {
  if (bytes.size() > 1000) die();
  return bytes.size();
}

// 15: test_crash_big_data. The worker dies while more data waits for it than any pipe holds.
TEST_P(PoolDeadlock, crash_with_large_tasks_waiting) {
  auto executor = make();
  const std::vector<char> large(5 << 20);
  std::vector<mp::Future<std::size_t>> doomed, harmless;
  for (int i = 0; i < 8; ++i) {
    doomed.push_back(executor.submit(die_at_large, large));
    harmless.push_back(executor.submit(die_at_large, std::vector<char>(100)));
  }
  for (const auto& future : doomed) expect_death_of(future, -SIGKILL);
  for (const auto& future : harmless) EXPECT_EQ(future.get(), 100U);
}

// 16: test_gh105829_should_not_deadlock_if_wakeup_pipe_full. More ends and wake-ups than any pipe holds, and nobody who reads.
TEST_P(PoolDeadlock, shutdown_with_a_flood_of_results_that_nobody_reads) {
  auto executor = make();
  std::atomic<int> called{0};
  constexpr int tasks = 20'000;
  for (int i = 0; i < tasks; ++i) {
    const auto future = executor.submit(square, i % 100);
    if (i % 10 == 0) future.add_done_callback([&](const mp::Future<int>&) { ++called; });
  }
  executor.shutdown();
  EXPECT_EQ(called, tasks / 10);
}

ROYONG_EVERY_START_METHOD(PoolDeadlock);

}  // namespace
}  // namespace royong_test
