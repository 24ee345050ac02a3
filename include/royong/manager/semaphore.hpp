// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerSemaphore, ManagerBoundedSemaphore: permits in a manager's server.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/lockable_proxy.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/semaphore.hpp"

namespace royong::inline v0 {

namespace detail {
class ROYONG_API ServedSemaphore;  // in the server: src/manager/objects/semaphore.hpp
class ROYONG_API ServedBoundedSemaphore;
template <>
struct ROYONG_API Kind<ServedSemaphore> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session, int value, SemaphoreOptions options = {});
};
template <>
struct ROYONG_API Kind<ServedBoundedSemaphore> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session, int value);
};

template <class D, class Object>
class ROYONG_API SemaphoreProxy : public LockableProxy<D, Object> {
 public:
  using LockableProxy<D, Object>::LockableProxy;

  /** @brief Gives permits, and wakes as many waiters.
   *  @param n how many; 0 does nothing
   *  @throws UsageError `n` is negative, or there would be too many
   */
  void release(int n = 1) const;
  /// How many permits can be taken at this instant.
  int get_value() const;
  /// Whether none can be taken at this instant.
  bool locked() const { return get_value() == 0; }
};
}  // namespace detail

/** @brief Semaphore, in a manager's server: a counter that cannot go below zero. Made by `Manager::semaphore(n)`.
 *
 *  Its members and rules are those of Semaphore: who releases need not have acquired. A proxy: a value whose copies refer to the one semaphore. **Errors, threads and processes** as with ManagerLock.
 *
 *  **If the peer dies.** A waiter's end disturbs nobody. What a client had taken does not come back, unless it was made with
 *  `manager.semaphore(n, {.return_on_death = true})`: then the permits that a client took and did not release come back when it ends, by whatever.
 *
 *  Example: examples/manager_lock.cpp
 */
class ROYONG_API ManagerSemaphore
    : public detail::SemaphoreProxy<ManagerSemaphore, detail::ServedSemaphore> {
 public:
  using detail::SemaphoreProxy<ManagerSemaphore, detail::ServedSemaphore>::SemaphoreProxy;
};

/** @brief BoundedSemaphore, in a manager's server: never more permits than at the beginning. Made by `Manager::bounded_semaphore(n)`.
 *
 *  Any client may release; its own permits go first, then those of the client that came first. Releasing more than are taken is `UsageError`.
 *
 *  **If the peer dies.** The permits that a client held come back when it ends, by whatever, and waiters get them. Everything else as with ManagerSemaphore.
 */
class ROYONG_API ManagerBoundedSemaphore
    : public detail::SemaphoreProxy<ManagerBoundedSemaphore, detail::ServedBoundedSemaphore> {
 public:
  using detail::SemaphoreProxy<ManagerBoundedSemaphore,
                               detail::ServedBoundedSemaphore>::SemaphoreProxy;
};

extern template class detail::LockableProxy<ManagerSemaphore, detail::ServedSemaphore>;
extern template class detail::SemaphoreProxy<ManagerSemaphore, detail::ServedSemaphore>;
extern template class detail::LockableProxy<ManagerBoundedSemaphore,
                                            detail::ServedBoundedSemaphore>;
extern template class detail::SemaphoreProxy<ManagerBoundedSemaphore,
                                             detail::ServedBoundedSemaphore>;

}  // namespace royong::inline v0
