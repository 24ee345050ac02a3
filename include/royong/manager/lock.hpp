// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerLock, ManagerRLock: one owner at a time, in a manager's server.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/lockable_proxy.hpp"
#include "royong/detail/manager/proxy_base.hpp"

namespace royong::inline v0 {

namespace detail {
class ROYONG_API ServedLock;  // in the server: src/manager/objects/lock.hpp
class ROYONG_API ServedRLock;
template <>
struct ROYONG_API Kind<ServedLock> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session);
};
template <>
struct ROYONG_API Kind<ServedRLock> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session);
};
}  // namespace detail

/** @brief Lock, in a manager's server, for processes that share no memory as well: made by `Manager::lock()`.
 *
 *  Its members and rules are those of Lock; a process of the same program takes a Lock a hundred times faster. Usable with `std::scoped_lock` and `std::unique_lock`. A proxy: a value whose copies
 *  refer to the one lock. Who waits, waits in the server, in the order of arrival.
 *
 *  **Errors.** As ManagerDict's. Releasing: `UsageError` when it is free. `unlock()` reports to the log and throws nothing.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time; any of them may release it.
 *
 *  **If the peer dies.** When a client ends that owns the lock, by whatever, the next in line owns it and sees `abandoned()`; the server's log has a warning. A client that is killed while it
 *  waits disturbs nobody. If the server dies, every call, also one in progress, is `EndOfFile` at once.
 *
 *  Example: examples/manager_lock.cpp
 */
class ROYONG_API ManagerLock : public detail::LockProxy<ManagerLock, detail::ServedLock> {
 public:
  using detail::LockProxy<ManagerLock, detail::ServedLock>::LockProxy;
};

/** @brief RLock, in a manager's server: its owner, a thread of a process, can take it again, and nobody else may release it. Made by `Manager::rlock()`.
 *
 *  Everything else as with ManagerLock. Releasing what this thread does not own is `UsageError`.
 */
class ROYONG_API ManagerRLock : public detail::LockProxy<ManagerRLock, detail::ServedRLock> {
 public:
  using detail::LockProxy<ManagerRLock, detail::ServedRLock>::LockProxy;
};

extern template class detail::LockableProxy<ManagerLock, detail::ServedLock>;
extern template class detail::LockProxy<ManagerLock, detail::ServedLock>;
extern template class detail::LockableProxy<ManagerRLock, detail::ServedRLock>;
extern template class detail::LockProxy<ManagerRLock, detail::ServedRLock>;

}  // namespace royong::inline v0
