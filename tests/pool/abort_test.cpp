// SPDX-License-Identifier: Apache-2.0
// Stopping a task that runs: abort, stop_requested, progress; by every start method.
#include <gmock/gmock.h>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/event.hpp"
#include "royong/pool.hpp"
#include "royong/queue.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class PoolAbort : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 1, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
};

int announce_and_wait(const mp::Queue<int>& began) {
  began.put(own_pid());
  return wait_for_ever();
}

TEST_P(PoolAbort, stops_a_running_task_and_replaces_its_worker) {
  mp::Pool pool = make();
  const mp::Queue<int> began;
  const auto future = pool.apply_async({.name = "endless", .retries = 5}, announce_and_wait, began);
  const auto behind = pool.apply_async(own_pid);
  const int before = began.get();
  EXPECT_TRUE(future.abort());
  try {
    future.get();
    FAIL() << "the task was not aborted";
  } catch (const mp::CancelledError& error) {
    EXPECT_THAT(error.what(), HasSubstr("task 'endless' was aborted"));
  }
  EXPECT_TRUE(future.cancelled());
  EXPECT_TRUE(future.abort());
  EXPECT_NE(behind.get(), before);
  EXPECT_EQ(pool.stats().cancelled, 1U);
  EXPECT_EQ(pool.stats().deaths, 0U);
}

TEST_P(PoolAbort, is_cancel_for_what_has_not_begun_and_nothing_for_what_has_ended) {
  mp::Pool pool = make();
  const mp::Queue<int> began;
  const auto running = pool.apply_async(announce_and_wait, began);
  const auto pending = pool.apply_async(square, 2);
  const int worker = began.get();
  EXPECT_TRUE(pending.abort());
  EXPECT_TRUE(pending.cancelled());
  EXPECT_EQ(::kill(worker, 0), 0);
  EXPECT_TRUE(running.abort(0s));
  EXPECT_THROW(running.get(), mp::CancelledError);
  const auto ended = pool.apply_async(square, 3);
  EXPECT_EQ(ended.get(), 9);
  EXPECT_FALSE(ended.abort());
  EXPECT_EQ(ended.get(), 9);
}

/// Says when it was asked to stop, and stops.
int stop_politely(const mp::Queue<int>& said) {
  (void)mp::this_task::stop_requested();
  said.put(1);
  while (!mp::this_task::stop_requested()) std::this_thread::sleep_for(1ms);
  said.put(2);
  return 3;
}

TEST_P(PoolAbort, lets_a_task_that_asks_end_politely) {
  mp::Pool pool = make();
  const mp::Queue<int> said;
  const auto future = pool.apply_async(stop_politely, said);
  const auto behind = pool.apply_async(square, 5);
  EXPECT_EQ(said.get(), 1);
  EXPECT_TRUE(future.abort(mp::forever));
  EXPECT_EQ(said.get(), 2);
  EXPECT_THROW(future.get(), mp::CancelledError);
  EXPECT_EQ(behind.get(), 25);
}

TEST_P(PoolAbort, terminate_lets_a_task_that_asks_end_politely) {
  mp::Pool pool = make();
  const mp::Queue<int> said;
  const auto future = pool.apply_async(stop_politely, said);
  EXPECT_EQ(said.get(), 1);
  pool.terminate();
  EXPECT_THROW(future.get(), mp::CancelledError);
  EXPECT_EQ(said.get(), 2);
  EXPECT_TRUE(pool.join());
}

int ask_and_go_on(const mp::Queue<int>& said) {
  (void)mp::this_task::stop_requested();
  said.put(1);
  return wait_for_ever();
}
int refuse(const mp::Queue<int>& said) {
  ::signal(SIGTERM, SIG_IGN);
  said.put(1);
  return wait_for_ever();
}

TEST_P(PoolAbort, kills_when_the_grace_is_over) {
  mp::Pool pool = make();
  const mp::Queue<int> said;
  for (const auto task : {ask_and_go_on, refuse}) {
    const auto future = pool.apply_async(task, said);
    EXPECT_EQ(said.get(), 1);
    EXPECT_TRUE(future.abort(30ms));
    EXPECT_THROW(future.get(), mp::CancelledError);
  }
  // Also when nobody waits for anything.
  const auto future = pool.apply_async(refuse, said);
  EXPECT_EQ(said.get(), 1);
  EXPECT_TRUE(future.abort(mp::forever));
  EXPECT_FALSE(future.wait(50ms));
  EXPECT_TRUE(future.abort(1ms));  // less patience than before
  const auto next = pool.apply_async(square, 4);
  EXPECT_EQ(next.get(), 16);
  EXPECT_TRUE(future.cancelled());
}

TEST_P(PoolAbort, hits_no_other_task) {
  mp::Pool pool = make(2);
  std::vector<mp::Future<int>> wanted, unwanted;
  for (int i = 0; i < 300; ++i) {
    unwanted.push_back(pool.apply_async(i % 3 == 0 ? sleep_ms : square, 1));
    wanted.push_back(pool.apply_async(square, i));
    if (i % 10 == 9) unwanted[unwanted.size() - 5].abort(0s);
  }
  for (const auto& future : unwanted) future.abort(0s);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(wanted[static_cast<std::size_t>(i)].get(), i * i);
  for (const auto& future : unwanted) {
    future.wait();
    EXPECT_TRUE(future.cancelled() || future.successful());
  }
}

int report(const mp::Queue<int>& said, const mp::Event& go_on) {
  mp::this_task::progress(3, 7);
  said.put(1);
  go_on.wait();
  return 5;
}

TEST_P(PoolAbort, progress_is_what_the_running_task_said_last) {
  mp::Pool pool = make();
  const mp::Queue<int> said;
  const mp::Event go_on;
  const auto future = pool.apply_async(report, said, go_on);
  const auto silent = pool.apply_async(square, 2);
  said.get();
  EXPECT_EQ(future.progress().done, 3U);
  EXPECT_EQ(future.progress().total, 7U);
  EXPECT_EQ(silent.progress().total, 0U);
  go_on.set();
  EXPECT_EQ(future.get(), 5);
  EXPECT_EQ(future.progress().total, 0U);
}

ROYONG_EVERY_START_METHOD(PoolAbort);

TEST(ThisTask, says_nothing_where_no_task_runs) {
  EXPECT_FALSE(mp::this_task::stop_requested());
  mp::this_task::progress(1, 2);
}

}  // namespace
}  // namespace royong_test
