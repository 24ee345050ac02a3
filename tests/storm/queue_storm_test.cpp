// SPDX-License-Identifier: Apache-2.0
// More than 5,000 SIGKILLs over producers and consumers of queues; the account of every message is printed.
#include <gtest/gtest.h>

#include <chrono>  // for std::chrono::minutes
#include <iostream>

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "support/queue_storm.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

constexpr int rounds = 5;
constexpr std::uint64_t kills_a_round = 600;
constexpr std::size_t longest = 64 * 1024;

/// In rounds, each with a queue of its own, because the account of each message takes memory.
void storm(int maxsize, int batch) {
  allow_time(std::chrono::minutes(10));
  const auto objects = royong::memory::live_objects();
  const auto used = royong::memory::arena_usage().used;
  QueueStormResult total;
  for (int i = 0; i < rounds; ++i) total += queue_storm(kills_a_round, longest, maxsize, batch);
  std::cout << total << "\n";
  EXPECT_EQ(total.kills, rounds * kills_a_round);
  EXPECT_EQ(total.torn, 0u);
  EXPECT_EQ(total.duplicated, 0u);
  EXPECT_EQ(total.stalls, 0u);
  // Not more than what each dead consumer had in hand.
  EXPECT_LE(total.lost, total.consumers_killed * static_cast<std::uint64_t>(batch));
  EXPECT_EQ(royong::memory::live_objects(), objects);
  EXPECT_LE(royong::memory::arena_usage().used, used + 1024 * 1024);
}

TEST(QueueStorm, three_thousand_kills_tear_double_lose_and_stall_nothing) { storm(0, 1); }

TEST(QueueStorm, nor_with_a_bounded_queue_and_batches) { storm(50, 8); }

}  // namespace
}  // namespace royong_test
