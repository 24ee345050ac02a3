// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerEvent: a flag in a manager's server.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/event.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/** @brief Event, in a manager's server: a flag that processes wait for. Made by `Manager::event()`.
 *
 *  Its members and rules are those of Event. A proxy: a value whose copies refer to the one event. **Errors, threads and processes** as with ManagerLock. **If the peer dies.** A waiter's end disturbs nobody.
 *
 *  Example: examples/manager_lock.cpp
 */
class ManagerEvent : public detail::ProxyOf<detail::ServedEvent> {
  using Object = detail::ServedEvent;

 public:
  using detail::ProxyOf<Object>::ProxyOf;

  /// Wakes all who wait, and all who will until `clear`.
  void set() const { invoke<&Object::set>(); }
  /// From now on `wait` waits.
  void clear() const { invoke<&Object::clear>(); }
  /// Whether it is set, at this instant.
  bool is_set() const { return invoke<&Object::is_set>(); }
  /// Waits until it is set. @return whether it is, or was since the call; false: the time was over first
  bool wait(Timeout timeout = forever) const { return invoke<&Object::wait>(timeout); }
  /// Begins to wait until it is set.
  Future<void> wait_async() const { return invoke_async_as<&Object::wait, void>(forever); }
};

}  // namespace royong::inline v0
