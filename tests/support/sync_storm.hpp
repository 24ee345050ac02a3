// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief SIGKILL over processes that share one primitive: is it ever lost, held by too many, passed wrongly, or stuck?
 */
#pragma once

#include <chrono>   // for std::chrono::microseconds
#include <cstdint>  // for std::uint64_t
#include <ostream>  // for std::ostream

namespace royong_test {

struct SyncStormResult {
  std::uint64_t kills = 0;
  std::uint64_t unswept =
      0;  ///< kills after which nobody swept until the survivors had gone on by themselves
  std::uint64_t operations = 0;  ///< turns, permits taken, waits, rounds: what the primitive is for
  std::chrono::microseconds longest_gap{0};  ///< between a kill and the next operation of anybody
  std::uint64_t violations = 0;     ///< two owners, a state that cannot be, too many passes
  std::int64_t lost = 0;            ///< permits fewer at the end than at the beginning
  std::int64_t extra = 0;           ///< permits more
  std::uint64_t passed_broken = 0;  ///< rounds of a barrier passed without one of the parties
  std::uint64_t hangs = 0;          ///< times that nobody went on

  friend std::ostream& operator<<(std::ostream& out, const SyncStormResult& r) {
    return out << r.kills << " kills (" << r.unswept << " not swept), " << r.operations
               << " operations, longest gap " << r.longest_gap.count() << " us, " << r.violations
               << " violations, " << r.lost << " permits lost, " << r.extra << " extra, "
               << r.passed_broken << " passed broken, " << r.hangs << " hangs";
  }
};

/** @name One for each primitive
 *  Some processes use it, of which one dies at a random instant `kills` times and is replaced. After every 20th kill nobody sweeps until
 *  the survivors have gone on by themselves.
 */
///@{
SyncStormResult lock_storm(std::uint64_t kills);
SyncStormResult rlock_storm(std::uint64_t kills);
SyncStormResult event_storm(std::uint64_t kills);
/// As a counter: some add, some take.
SyncStormResult semaphore_storm(std::uint64_t kills);
SyncStormResult returning_semaphore_storm(std::uint64_t kills);
SyncStormResult bounded_semaphore_storm(std::uint64_t kills);
/// Two conditions over one Lock: a bounded buffer, every change of which notifies one.
SyncStormResult condition_storm(std::uint64_t kills);
SyncStormResult barrier_storm(std::uint64_t kills);
///@}

using SyncStorm = SyncStormResult (*)(std::uint64_t kills);

/// Runs a storm, prints what it has counted, and fails the test where anything was lost, doubled, passed wrongly, stuck or left.
void expect_unharmed(SyncStorm storm, std::uint64_t kills);

}  // namespace royong_test
