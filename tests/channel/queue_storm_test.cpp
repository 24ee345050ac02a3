// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "support/queue_storm.hpp"

namespace royong_test {
namespace {

/// Few kills, for every run of the tests; tests/storm has many.
constexpr std::uint64_t kills = 120;

void expect_nothing_lost(const QueueStormResult& result, std::uint64_t in_hand) {
  std::cout << result << "\n";
  EXPECT_GT(result.messages, 0u);
  EXPECT_EQ(result.torn, 0u);
  EXPECT_EQ(result.duplicated, 0u);
  EXPECT_LE(result.lost, result.consumers_killed * in_hand);
  EXPECT_EQ(result.stalls, 0u);
}

TEST(QueueStorm, small_messages_survive_kills_of_producers_and_consumers) {
  expect_nothing_lost(queue_storm(kills, 2'000, 0), 1);
}

TEST(QueueStorm, large_messages_survive_kills_and_leave_no_block_behind) {
  const auto objects = royong::memory::live_objects();
  const auto used = royong::memory::arena_usage().used;
  expect_nothing_lost(queue_storm(kills, 64 * 1024, 0), 1);
  EXPECT_EQ(royong::memory::live_objects(), objects);
  EXPECT_LE(royong::memory::arena_usage().used, used + 512 * 1024);
}

TEST(QueueStorm, a_bounded_queue_survives_kills) {
  expect_nothing_lost(queue_storm(kills, 500, 3), 1);
}

TEST(QueueStorm, batches_survive_kills) {
  expect_nothing_lost(queue_storm(kills, 2'000, 0, 16), 16);
}

}  // namespace
}  // namespace royong_test
