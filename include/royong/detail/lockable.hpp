// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lockable: the names that Python and the standard library give to taking and releasing.
 */
#pragma once

#include <chrono>    // for std::chrono::time_point
#include <concepts>  // for std::same_as

#include "royong/detail/config.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// "cannot release ..." in the log: what `unlock()`, which must not throw, does about misuse.
ROYONG_API void report_unlock(const char* problem) noexcept;

/** @brief Base of all that can be taken and released.
 *
 *  `D` has `bool take(Timeout) const` and `const char* give() const noexcept`, which returns what was wrong, or null.
 */
template <class D>
class Lockable {
 public:
  /// Waits until it is taken. @return true
  bool acquire() const { return self().take(forever); }

  /** @brief Takes it if that is possible within the time.
   *  @param block    false: do not wait, whatever `timeout` says
   *  @param timeout  how long to wait
   *  @return whether it was taken
   */
  bool acquire(std::same_as<bool> auto block, Timeout timeout = forever) const {
    return self().take(block ? timeout : Timeout(std::chrono::seconds(0)));
  }

  /// Takes it if that is possible within the time. @return whether it was taken
  bool acquire(Timeout timeout) const { return self().take(timeout); }

  /// For std::scoped_lock and std::unique_lock: as `acquire()`.
  void lock() const { self().take(forever); }
  /// As `acquire(false)`.
  bool try_lock() const { return self().take(std::chrono::seconds(0)); }
  /// As `acquire(timeout)`.
  bool try_lock_for(Timeout timeout) const { return self().take(timeout); }
  /// As `acquire` until a point of any clock.
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& end) const {
    return self().take(end - Clock::now());
  }
  /// As `release()`, but misuse goes to the log: guards call this in destructors.
  void unlock() const noexcept {
    if (const char* problem = self().give()) report_unlock(problem);
  }

 private:
  friend D;
  Lockable() = default;
  const D& self() const noexcept { return static_cast<const D&>(*this); }
};

}  // namespace royong::inline v0::detail
