// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The loop of every wait on an EventCount: awake for a while, then asleep, with a look around after each slice.
 */
#pragma once

#include "royong/timeout.hpp"
#include "sync/eventcount.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::sync {

/// Rounds of a Spinner that outlast a sleep and a wake-up.
inline constexpr int wait_spins = 64;

/// The instant at which a wait ends; a poll has ended already, and never asks the clock.
inline Timeout::Clock::time_point deadline_of(Timeout timeout) noexcept {
  return timeout.is_poll() ? Timeout::Clock::time_point::min() : timeout.deadline();
}

/** @brief Waits until `ready()` is true.
 *  @param ready       a look at the state; may change it (take a permit), then true means that it did
 *  @param look_around called after each sleep: finds out what the dead left, where nobody sweeps
 *  @return what `ready()` returned last; false: the deadline passed
 */
template <class Ready, class LookAround>
bool await(EventCount& changed, Timeout::Clock::time_point deadline, Ready ready,
           LookAround look_around) {
  if (ready()) return true;
  if (deadline == Timeout::Clock::time_point::min()) return false;
  for (Spinner spinner(wait_spins, &changed); spinner.once();) {
    if (ready()) return true;
  }
  for (;;) {
    const auto key = changed.prepare();
    if (ready()) return true;
    if (!changed.wait(key, deadline)) return ready();
    look_around();
  }
}

}  // namespace royong::inline v0::sync
