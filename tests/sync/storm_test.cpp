// SPDX-License-Identifier: Apache-2.0
// Processes that share a primitive, of which one dies at a random instant again and again. tests/storm has many more kills.
#include <gtest/gtest.h>

#include "support/sync_storm.hpp"

namespace royong_test {
namespace {

constexpr std::uint64_t kills = 100;  // a fork under AddressSanitizer on a busy machine takes 50 ms

void expect_unharmed(SyncStorm storm) { expect_unharmed(storm, kills); }

TEST(SyncStorm, a_lock_is_never_lost_and_never_held_twice) { expect_unharmed(lock_storm); }
TEST(SyncStorm, an_rlock_is_never_lost_and_never_held_twice) { expect_unharmed(rlock_storm); }
TEST(SyncStorm, an_event_wakes_its_waiters) { expect_unharmed(event_storm); }
TEST(SyncStorm, a_semaphore_counts_right) { expect_unharmed(semaphore_storm); }
TEST(SyncStorm, a_semaphore_with_return_on_death_loses_and_doubles_no_permit) {
  expect_unharmed(returning_semaphore_storm);
}
TEST(SyncStorm, a_bounded_semaphore_loses_and_doubles_no_permit) {
  expect_unharmed(bounded_semaphore_storm);
}
TEST(SyncStorm, a_condition_loses_no_notification) { expect_unharmed(condition_storm); }
TEST(SyncStorm, a_barrier_is_passed_by_all_or_none) { expect_unharmed(barrier_storm); }

}  // namespace
}  // namespace royong_test
