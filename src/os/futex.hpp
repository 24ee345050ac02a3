// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Futex wait and wake on a word that several processes map.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono::steady_clock
#include <cstdint>  // for std::uint32_t

namespace royong::inline v0::os {

using Deadline = std::chrono::steady_clock::time_point;  ///< `max()`: no limit

enum class FutexWait {
  woken,        ///< by a wake, or spuriously: look at the word again
  changed,      ///< the word was no longer `expected`; nobody slept
  interrupted,  ///< a signal was handled; the caller looks again and decides
  timed_out,    ///< the deadline passed
};

/// Sleeps while `word == expected`. Absolute, on the monotonic clock, so that a repeated wait does
/// not prolong the time.
FutexWait futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline);

/// Wakes up to `count` sleepers and returns how many.
int futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace royong::inline v0::os
