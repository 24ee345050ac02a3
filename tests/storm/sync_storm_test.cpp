// SPDX-License-Identifier: Apache-2.0
// As tests/sync/storm_test.cpp, with so many kills that every few instructions of each primitive have seen one.
#include <gtest/gtest.h>

#include <chrono>  // for std::chrono::minutes

#include "support/sync_storm.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

constexpr std::uint64_t kills = 3'000;

void expect_unharmed(SyncStorm storm) {
  allow_time(std::chrono::minutes(20));
  royong_test::expect_unharmed(storm, kills);
}

TEST(LongSyncStorm, a_lock_is_never_lost_and_never_held_twice) { expect_unharmed(lock_storm); }
TEST(LongSyncStorm, an_rlock_is_never_lost_and_never_held_twice) { expect_unharmed(rlock_storm); }
TEST(LongSyncStorm, an_event_wakes_its_waiters) { expect_unharmed(event_storm); }
TEST(LongSyncStorm, a_semaphore_counts_right) { expect_unharmed(semaphore_storm); }
TEST(LongSyncStorm, a_semaphore_with_return_on_death_loses_and_doubles_no_permit) {
  expect_unharmed(returning_semaphore_storm);
}
TEST(LongSyncStorm, a_bounded_semaphore_loses_and_doubles_no_permit) {
  expect_unharmed(bounded_semaphore_storm);
}
TEST(LongSyncStorm, a_condition_loses_no_notification) { expect_unharmed(condition_storm); }
TEST(LongSyncStorm, a_barrier_is_passed_by_all_or_none) { expect_unharmed(barrier_storm); }

}  // namespace
}  // namespace royong_test
