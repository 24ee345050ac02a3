// SPDX-License-Identifier: Apache-2.0
// When the workers of a pool are started, and what comes of it where they cannot be.
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <optional>
#include <set>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "process/forkserver.hpp"
#include "royong/barrier.hpp"
#include "royong/pool.hpp"
#include "royong/thread_pool.hpp"
#include "support/chaos.hpp"
#include "support/limits.hpp"
#include "support/process_tree.hpp"

namespace royong_test {
namespace {

using testing::HasSubstr;

class PoolStart : public EveryStartMethod {
 protected:
  mp::Pool make(int processes, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
  /// Copies of this process are made when the program says so, and not when a task comes.
  bool is_lazy() const { return GetParam() != mp::StartMethod::fork; }
};

int meet(const mp::Barrier& others) {
  others.wait();
  return own_pid();
}

TEST_P(PoolStart, is_left_to_the_first_task) {
  mp::Pool pool = make(3);
  EXPECT_EQ(pool.size(), 3);
  EXPECT_EQ(mp::active_children().size(), is_lazy() ? 0U : 3U);
  EXPECT_EQ(pool.apply(square, 3), 9);
  EXPECT_EQ(mp::active_children().size(), is_lazy() ? 1U : 3U);
}

TEST_P(PoolStart, comes_after_all_idle_workers) {
  mp::Pool pool = make(4);
  std::set<int> workers;
  for (int i = 0; i < 20; ++i) workers.insert(pool.apply(own_pid));
  EXPECT_TRUE(!is_lazy() || workers.size() == 1U);
  EXPECT_EQ(mp::active_children().size(), is_lazy() ? 1U : 4U);
}

TEST_P(PoolStart, gives_each_task_a_worker_while_there_are_some_left) {
  mp::Pool pool = make(3);
  const mp::Barrier all(3);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.apply_async(meet, all));
  std::set<int> workers;
  for (const auto& future : futures) workers.insert(future.get());
  EXPECT_EQ(workers.size(), 3U);
  pool.map(square, std::vector<int>(1'000, 2));
  EXPECT_EQ(mp::active_children().size(), 3U);
}

std::string own_name() { return mp::current_process().name(); }

std::string meet_by_name(const mp::Barrier& others) {
  others.wait();
  return own_name();
}

TEST_P(PoolStart, names_the_workers_by_numbers_that_are_used_once) {
  mp::Pool plain = make(1);
  EXPECT_EQ(plain.apply(own_name), "PoolWorker-1");
  mp::Pool pool = make(2, {.name = "loader"});
  const mp::Barrier both(2);
  const auto one = pool.apply_async(meet_by_name, both);
  const auto two = pool.apply_async(meet_by_name, both);
  EXPECT_THAT((std::set{one.get(), two.get()}), testing::ElementsAre("loader-1", "loader-2"));
  mp::Pool single = make(1, {.maxtasksperchild = 1, .name = "single"});
  EXPECT_EQ(single.apply(own_name), "single-1");
  EXPECT_EQ(single.apply(own_name), "single-2");
}

TEST_P(PoolStart, of_all_comes_with_resize) {
  mp::Pool pool = make(2);
  pool.resize(pool.size());
  EXPECT_EQ(mp::active_children().size(), 2U);
  pool.resize(5);
  EXPECT_EQ(mp::active_children().size(), 5U);
  EXPECT_EQ(pool.map(square, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 4, 9}));
}

TEST_P(PoolStart, may_be_under_way_when_the_pool_ends) {
  for (int tasks = 0; tasks <= 6; ++tasks) {
    for (int how = 0; how < 3; ++how) {
      std::vector<mp::Future<int>> futures;
      {
        mp::Pool pool = make(4);
        for (int i = 0; i < tasks; ++i) futures.push_back(pool.apply_async(square, i));
        if (how == 0) pool.terminate();
        if (how == 1) pool.close();
        EXPECT_TRUE(how == 2 || pool.join());
      }
      for (int i = 0; i < tasks; ++i) {
        const auto& future = futures[static_cast<std::size_t>(i)];
        EXPECT_TRUE(future.done());
        EXPECT_TRUE(how == 0 || future.get() == i * i);
      }
      EXPECT_TRUE(mp::active_children().empty());
    }
  }
}

TEST_P(PoolStart, that_was_for_nothing_is_forgotten) {
  mp::Pool pool = make(4);
  for (int i = 0; i < 20; ++i) pool.apply_async(square, i).cancel();
  EXPECT_EQ(pool.apply(square, 7), 49);
}

TEST_P(PoolStart, that_fails_breaks_the_pool_with_its_cause) {
  make(1).apply(nothing);  // what a first start needs is there
  std::optional<mp::Pool> pool;
  if (is_lazy()) pool.emplace(make(2));
  // 0 to 2 are open: whatever is closed meanwhile, no number below the limit is to be had.
  const ScopedLimit no_descriptors(RLIMIT_NOFILE, 3);
  if (!is_lazy()) {
    EXPECT_THROW(make(2), std::system_error);
    return;
  }
  try {
    pool->apply(square, 1);
    ADD_FAILURE() << "a start succeeded without a descriptor";
  } catch (const mp::BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr("the pool cannot start workers: cannot "));
    EXPECT_THAT(error.what(), HasSubstr("Too many open files"));
  }
}

ROYONG_EVERY_START_METHOD(PoolStart);

TEST(PoolStartStorm, of_many_at_once_survives_kills_of_the_forkserver) {
  KillStorm storm(own_forkserver, {.longest = std::chrono::milliseconds(12)});
  for (int round = 0; round < 15; ++round) {
    mp::Pool pool(6, {.start_method = mp::StartMethod::forkserver});
    const mp::Barrier all(6);
    std::vector<mp::Future<int>> futures;
    if (round % 2 == 0) pool.resize(6);
    for (int i = 0; i < 6; ++i) futures.push_back(pool.apply_async(meet, all));
    std::set<int> workers;
    for (const auto& future : futures) workers.insert(future.get());
    EXPECT_EQ(workers.size(), 6U);
  }
  EXPECT_GT(storm.stop(), 0U);
  // One that was killed is reaped when it is wanted again.
  mp::Pool(1, {.start_method = mp::StartMethod::forkserver}).apply(nothing);
}

TEST(ThreadPoolStart, is_left_to_a_task_that_finds_no_idle_thread) {
  std::atomic<int> started{0};
  mp::ThreadPool pool(3, [&] { ++started; });
  EXPECT_EQ(started, 0);
  for (int i = 0; i < 20; ++i) pool.apply([] {});
  EXPECT_EQ(started, 1);
  std::latch all(3);
  std::vector<mp::Future<void>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.apply_async([&] { all.arrive_and_wait(); }));
  for (const auto& future : futures) future.get();
  EXPECT_EQ(started, 3);
}

}  // namespace
}  // namespace royong_test
