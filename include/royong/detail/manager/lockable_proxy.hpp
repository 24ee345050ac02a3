// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief LockableProxy: the names of taking and releasing, for proxies. Part of manager/lock.hpp and others.
 */
#pragma once

#include <chrono>    // for std::chrono::seconds
#include <concepts>  // for std::same_as

#include "royong/detail/config.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief Base of the proxies `D` of what can be taken: `Object` has the operation `acquire`, and `D` a member `release()`.
 *
 *  As Lockable. Other than there taking may throw: the server may be gone. The bodies that look into `Object` are in src/manager/objects/lockable_proxy.hpp.
 */
template <class D, class Object>
class ROYONG_API LockableProxy : public ProxyOf<Object> {
 public:
  using ProxyOf<Object>::ProxyOf;

  /// Waits until it is taken. @return true
  bool acquire() const { return take(forever); }
  /** @brief Takes it if that is possible within the time.
   *  @param block   false: do not wait, whatever `timeout` says
   *  @param timeout how long to wait
   *  @return whether it was taken
   */
  bool acquire(std::same_as<bool> auto block, Timeout timeout = forever) const {
    return take(block ? timeout : Timeout(std::chrono::seconds(0)));
  }
  /// Takes it if that is possible within the time. @return whether it was taken
  bool acquire(Timeout timeout) const { return take(timeout); }

  /// Begins to wait for it. Cancelled in time, nothing was taken.
  Future<void> acquire_async() const;

  /// For std::scoped_lock and std::unique_lock: as `acquire()`.
  void lock() const { take(forever); }
  /// As `acquire(false)`.
  bool try_lock() const { return take(std::chrono::seconds(0)); }
  /// As `acquire(timeout)`.
  bool try_lock_for(Timeout timeout) const { return take(timeout); }
  /// As `acquire` until a point of any clock.
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& end) const {
    return take(end - Clock::now());
  }
  /// As `release()`, but what goes wrong goes to the log: guards call this in destructors.
  void unlock() const noexcept;

 private:
  bool take(Timeout timeout) const;
};

/// What locks have beyond that.
template <class D, class Object>
class ROYONG_API LockProxy : public LockableProxy<D, Object> {
 public:
  using LockableProxy<D, Object>::LockableProxy;

  /// Lets the next one in. @throws UsageError it is free, or this thread may not release it
  void release() const;
  /// Whether somebody owns it, at this instant.
  bool locked() const;
  /// Whether an owner died and nobody has called `mark_consistent` since.
  bool abandoned() const;
  /// Says that what the lock guards is in order again. Call it while you own the lock.
  void mark_consistent() const;
};

}  // namespace royong::inline v0::detail
