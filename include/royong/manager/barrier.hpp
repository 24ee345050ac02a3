// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerBarrier: a place in a manager's server that a number of parties pass together.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/packed.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
class ROYONG_API ServedBarrier;  // in the server: src/manager/objects/barrier.hpp
template <>
struct ROYONG_API Kind<ServedBarrier> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session, int parties, Timeout timeout);
  static TargetRef make(StateRef<Session> session, int parties, PackedBytes action,
                        Timeout timeout);
};
}  // namespace detail

/** @brief Barrier, in a manager's server: lets parties pass when all of them have arrived. Made by `Manager::barrier(n)`.
 *
 *  Its members and rules are those of Barrier. An action runs in the server, before anybody passes; it holds up everybody there meanwhile. A proxy: a value whose copies refer to the one barrier. **Errors, threads and processes** as with ManagerLock; `wait`: `BrokenBarrierError`, and what the action
 *  throws, in the party that came last: that breaks the barrier for the others.
 *
 *  **If the peer dies.** A party that ends inside `wait` breaks the barrier for all, until `reset`: nobody passes with the dead counted in.
 *
 *  Example: examples/manager_lock.cpp
 */
class ROYONG_API ManagerBarrier : public detail::ProxyOf<detail::ServedBarrier> {
 public:
  using detail::ProxyOf<detail::ServedBarrier>::ProxyOf;

  /** @brief Arrives, and waits for the others, for the time that was given to `Manager::barrier`.
   *  @return which of the parties this is: 0 for the first to arrive, parties() - 1 for the last
   *  @throws BrokenBarrierError the barrier is broken, or was broken or reset meanwhile, or the time is over, which breaks it
   */
  int wait() const;
  /// Likewise, for this time.
  int wait(Timeout timeout) const;

  /// Arrives, and begins to wait for the others. Cancelled in time, it has not arrived.
  Future<int> wait_async() const;

  /// Makes it empty and whole: who waits gets `BrokenBarrierError`, who comes begins a new round.
  void reset() const;
  /// Breaks it, until `reset`.
  void abort() const;
  /// How many pass together.
  int parties() const;
  /// How many wait at this instant.
  int n_waiting() const;
  /// Whether it is broken, at this instant.
  bool broken() const;
};

}  // namespace royong::inline v0
