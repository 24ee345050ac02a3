// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The short inner lock: a robust, process-shared pthread mutex and its guard.
 *
 *  Held for a few dozen instructions, never while waiting or calling the user. States below it are
 * one-word commits, so an owner's death needs a look at `owner_died()` only where a derived field
 * must be recomputed.
 */
#pragma once

#include <pthread.h>

#include <chrono>  // for std::chrono::steady_clock
#include <mutex>   // for std::try_to_lock

namespace royong::inline v0::memory {

/// Initialises in place, once in the memory's life. @throws std::system_error
void init_robust(pthread_mutex_t& mutex);

/// Whether somebody living holds it, at this instant. Only reads: for those who wait awake.
bool looks_locked(const pthread_mutex_t& mutex) noexcept;

/// Locks; after EOWNERDEAD marks the mutex consistent and remembers that it happened.
class RobustGuard {
 public:
  explicit RobustGuard(pthread_mutex_t& mutex);
  /// Does not wait: `owns()` tells whether it got the mutex.
  RobustGuard(pthread_mutex_t& mutex, std::try_to_lock_t);
  /// Waits until then at most: `owns()` tells whether it got the mutex. `time_point::max()`: for ever.
  RobustGuard(pthread_mutex_t& mutex, std::chrono::steady_clock::time_point deadline);
  ~RobustGuard();
  RobustGuard(const RobustGuard&) = delete;
  RobustGuard& operator=(const RobustGuard&) = delete;
  bool owner_died() const noexcept { return owner_died_; }
  bool owns() const noexcept { return owns_; }

 private:
  pthread_mutex_t& mutex_;
  bool owns_ = false;
  bool owner_died_ = false;

  void settle(int error);
};

}  // namespace royong::inline v0::memory
