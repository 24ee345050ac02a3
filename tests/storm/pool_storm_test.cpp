// SPDX-License-Identifier: Apache-2.0
// 1,000 SIGKILLs over a running pool, 100,000 tasks with retries: every task ends exactly once; and a result of 2 GiB. Figures are
// printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <vector>

#include "memory/arena.hpp"
#include "royong/pool.hpp"
#include "support/chaos.hpp"
#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;

constexpr int least_tasks = 100'000;
constexpr std::uint64_t wanted_kills = 1000;
constexpr int at_once = 2000;

int work(int x) {
  // Some do next to nothing, some take a while: so kills hit every part of a task's way.
  const unsigned turns = x % 64 == 0 ? 200'000 : 20;
  std::atomic<unsigned> sink{0};
  for (unsigned i = 0; i < turns; ++i) sink.fetch_add(i, std::memory_order_relaxed);
  return x + 1;
}

/// What happened to the tasks of a storm.
struct Account {
  std::uint64_t tasks = 0;
  std::uint64_t values = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::atomic<std::uint64_t> callbacks{0};
};

/// Submits wave after wave until there were enough tasks and enough kills.
void storm(mp::Pool& pool, int retries, Account& account) {
  auto random = random_engine();
  KillStorm kills(
      [&]() -> pid_t {
        const auto children = mp::active_children();
        return children.empty() ? 0 : children[random() % children.size()].pid();
      },
      {.shortest = 200us, .longest = 4ms, .most_kills = wanted_kills});
  while (account.tasks < least_tasks || kills.kills() < wanted_kills) {
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < at_once; ++i) {
      futures.push_back(pool.apply_async({.retries = retries}, work, i));
      futures.back().add_done_callback([&](const mp::Future<int>&) { ++account.callbacks; });
    }
    account.tasks += at_once;
    for (int i = 0; i < at_once; ++i) {
      const auto& future = futures[static_cast<std::size_t>(i)];
      try {
        (future.get() == i + 1 ? account.values : account.wrong) += 1;
      } catch (const mp::WorkerDied&) {
        ++account.lost;
      }
    }
  }
  const auto killed = kills.stop();
  pool.close();
  pool.join();
  std::cout << killed << " kills, " << account.tasks << " tasks with " << retries
            << " retries: " << account.values << " values, " << account.lost << " lost, "
            << account.wrong << " wrong, " << account.callbacks << " callbacks\n";
  EXPECT_EQ(killed, wanted_kills);
  EXPECT_EQ(account.values + account.lost, account.tasks);
  EXPECT_EQ(account.wrong, 0u);
  EXPECT_EQ(account.callbacks, account.tasks);  // each ended once
  EXPECT_LE(account.lost, killed);
}

TEST(PoolStorm, a_thousand_kills_take_no_task_that_is_retried) {
  allow_time(std::chrono::minutes(10));
  mp::Pool pool(2, {.restarts = {.count = 1'000'000}});
  Account account;
  storm(pool, 1'000'000, account);
  EXPECT_EQ(account.lost, 0u);
}

TEST(PoolStorm, and_without_retries_one_each_at_the_most) {
  allow_time(std::chrono::minutes(10));
  mp::Pool pool(3, {.restarts = {.count = 1'000'000}});
  Account account;
  storm(pool, 0, account);
}

std::vector<char> make_bytes(std::size_t n) { return std::vector<char>(n, 'x'); }

TEST(PoolStorm, a_result_of_two_gibibytes_arrives) {
  allow_time(std::chrono::minutes(5));
  // Less where memory is short: the vector is there three times, in the worker, in the arena and here.
  const std::size_t size =
      std::min<std::size_t>(std::size_t{2} << 30, mp::memory::arena_usage().quota / 4);
  mp::Pool pool(1);
  const auto bytes = pool.apply(make_bytes, size);
  std::cout << "a result of " << (size >> 20) << " MiB\n";
  ASSERT_EQ(bytes.size(), size);
  EXPECT_EQ(std::ranges::count(bytes, 'x'), static_cast<std::ptrdiff_t>(size));
}

}  // namespace
}  // namespace royong_test
