// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The page that the test process and its supervisor share.
 */
#pragma once

#include <sys/types.h>

#include <array>    // for std::array
#include <atomic>   // for std::atomic
#include <cstdint>  // for std::int64_t

namespace royong_test {

/// Where one thread was when the watchdog asked.
struct ThreadTrace {
  std::atomic<bool> ready{false};
  pid_t pid = 0;
  pid_t tid = 0;
  int depth = 0;
  std::array<void*, 48> frames{};
};

/** @brief What the test process tells its supervisor, in shared memory: it needs no descriptor and no thread.
 *
 *  Written by the test process: `test`, then `deadline` (release). Read by the supervisor. `traces` is filled by
 *  the signal handler of every thread that the supervisor asks; each takes the next slot.
 */
struct RunState {
  std::array<char, 256> test{};
  std::atomic<std::int64_t> started{0};   ///< nanoseconds on the monotonic clock
  std::atomic<std::int64_t> deadline{0};  ///< the same clock; 0: no limit
  std::atomic<unsigned> traced{0};
  std::array<ThreadTrace, 64> traces{};
};

/// The page of this run; null without a supervisor.
inline RunState* run_state = nullptr;

}  // namespace royong_test
