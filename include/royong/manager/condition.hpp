// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerCondition: waiting in a manager's server, with a lock given up meanwhile.
 */
#pragma once

#include <concepts>  // for std::predicate

#include "royong/detail/config.hpp"
#include "royong/detail/manager/lockable_proxy.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

class ManagerLock;
class ManagerRLock;

namespace detail {
class ROYONG_API ServedCondition;  // in the server: src/manager/objects/condition.hpp
template <>
struct ROYONG_API Kind<ServedCondition> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session);
  static TargetRef make(StateRef<Session> session, const ManagerLock& lock);
  static TargetRef make(StateRef<Session> session, const ManagerRLock& lock);
};
}  // namespace detail

/** @brief Condition, in a manager's server: a lock, and a place to wait for what it guards to change. Made by `Manager::condition()`, with an RLock of its own, or `Manager::condition(lock)`.
 *
 *  Its members and rules are those of Condition; the lock is a ManagerLock or ManagerRLock of the same manager, and several conditions may share it. A proxy: a value whose copies refer to
 *  the one condition. The members of the lock are members of the condition too: `std::scoped_lock guard(condition)` works.
 *
 *  **Errors.** As ManagerDict's. `wait`, `wait_for`, `notify`, `notify_all`: `UsageError` if the caller does not own the lock (an RLock is owned by a thread, a Lock by a process).
 *
 *  **Threads and processes.** Every member may be called by any thread of any process.
 *
 *  **If the peer dies.** A dead waiter takes no notification from the others: one that it was given before it gave up the lock again goes to the longest waiting of those who waited at that time. Of the end of the lock's owner
 *  all is true that ManagerLock says.
 *
 *  Example: examples/manager_lock.cpp
 */
class ROYONG_API ManagerCondition
    : public detail::LockProxy<ManagerCondition, detail::ServedCondition> {
 public:
  using detail::LockProxy<ManagerCondition, detail::ServedCondition>::LockProxy;

  /** @brief Gives up the lock, waits to be notified, takes the lock back.
   *  @return whether it was notified; false: the time was over first. In both cases the lock is owned again, as often as before
   *  @throws UsageError the caller does not own the lock
   */
  bool wait(Timeout timeout = forever) const;
  /** @brief Gives up the lock and begins to wait; it is owned again when the future has ended, by the thread that called this.
   *
   *  A wait that is cancelled ends without the lock.
   */
  Future<void> wait_async() const;
  /** @brief Waits until a predicate is true.
   *  @param predicate any callable of this process without arguments; it is called with the lock owned
   *  @param timeout   of all waits together
   *  @return what the predicate returned last
   *  @throws UsageError the caller does not own the lock; and what the predicate throws
   */
  template <std::predicate P>
  bool wait_for(P predicate, Timeout timeout = forever) const {
    require_owned();
    const auto deadline = timeout.deadline();
    while (!static_cast<bool>(predicate())) {
      const Timeout left =
          timeout.is_forever() ? timeout : Timeout(deadline - Timeout::Clock::now());
      if (!wait(left)) return static_cast<bool>(predicate());
    }
    return true;
  }
  /// Wakes up to `n` of those who wait now, the longest waiting first. @throws UsageError the caller does not own the lock; `n` is negative
  void notify(int n = 1) const;
  /// Wakes all who wait now. @throws UsageError the caller does not own the lock
  void notify_all() const;

 private:
  void require_owned() const;
};

extern template class detail::LockableProxy<ManagerCondition, detail::ServedCondition>;
extern template class detail::LockProxy<ManagerCondition, detail::ServedCondition>;

}  // namespace royong::inline v0
