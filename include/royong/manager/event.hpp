// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerEvent: a flag in a manager's server.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
class ROYONG_API ServedEvent;  // in the server: src/manager/objects/event.hpp
template <>
struct ROYONG_API Kind<ServedEvent> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session);
};
}  // namespace detail

/** @brief Event, in a manager's server: a flag that processes wait for. Made by `Manager::event()`.
 *
 *  Its members and rules are those of Event. A proxy: a value whose copies refer to the one event. **Errors, threads and processes** as with ManagerLock. **If the peer dies.** A waiter's end disturbs nobody.
 *
 *  Example: examples/manager_lock.cpp
 */
class ROYONG_API ManagerEvent : public detail::ProxyOf<detail::ServedEvent> {
 public:
  using detail::ProxyOf<detail::ServedEvent>::ProxyOf;

  /// Wakes all who wait, and all who will until `clear`.
  void set() const;
  /// From now on `wait` waits.
  void clear() const;
  /// Whether it is set, at this instant.
  bool is_set() const;
  /// Waits until it is set. @return whether it is, or was since the call; false: the time was over first
  bool wait(Timeout timeout = forever) const;
  /// Begins to wait until it is set.
  Future<void> wait_async() const;
};

}  // namespace royong::inline v0
