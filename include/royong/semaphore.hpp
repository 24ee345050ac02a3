// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Semaphore, BoundedSemaphore: a number of permits. What they have in common with the other primitives: sync.hpp.
 */
#pragma once

#include <utility>  // for std::move

#include "royong/detail/config.hpp"
#include "royong/detail/lockable.hpp"
#include "royong/detail/object.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
struct SemaphoreState;  // in shared memory: src/sync/semaphore.cpp
}  // namespace detail

/// How a Semaphore is made.
struct SemaphoreOptions {
  /// Permits that a process took and did not release come back when it dies.
  bool return_on_death = false;
};

/** @brief A counter that cannot go below zero: `acquire` takes one, or waits until there is one; `release` adds.
 *
 *  It has no upper bound (but `INT_MAX`) and no owners: who releases need not have acquired. So it serves for signals ("one more item is there")
 *  as well as for permits. Usable with `std::scoped_lock` and `std::unique_lock`.
 *  Without contention `acquire` and `release` are one compare-and-swap each and no system call. `release(n)` wakes n waiters, not all.
 *
 *  **With `return_on_death`** the semaphore remembers how many permits each process holds. A release gives back what the process holds, and adds new
 *  permits only beyond that; permits of a process that dies come back. Each operation then takes a short inner lock, still without a system call where nobody contends.
 *
 *  **Errors.** Creating: `ArenaFull`; `UsageError` before `init` and for a negative value. Releasing: `UsageError` for a negative number, or if there would
 *  be more than `INT_MAX` permits; nothing has changed then. With `return_on_death`: `UsageError` in a process that is no member of the
 *  family, and `ArenaFull` if the memory for one more holder is not to be had.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. Permits belong to processes, not to threads.
 *  What was written before a `release` is seen after the `acquire` that took its permit.
 *
 *  **If the peer dies.** A waiter's death disturbs nobody. A holder's permits do not come back, since the next one to release may be another process by
 *  design; with `return_on_death` they do.
 *
 *  Example: examples/semaphore.cpp
 */
class ROYONG_API Semaphore : public detail::Lockable<Semaphore> {
 public:
  /// A semaphore with one permit. @throws ArenaFull no memory is left @throws UsageError before `init`
  Semaphore() : Semaphore(1) {}
  /** @brief A semaphore with so many permits.
   *  @throws UsageError `value` is negative; before `init`
   *  @throws ArenaFull
   */
  explicit Semaphore(int value, SemaphoreOptions options = {});

  /** @brief Adds permits, and wakes as many waiters.
   *  @param n how many; 0 does nothing
   *  @throws UsageError `n` is negative, or there would be more than INT_MAX
   */
  void release(int n = 1) const;
  /// How many permits can be taken at this instant.
  int get_value() const;
  /// Whether none can be taken at this instant.
  bool locked() const { return get_value() == 0; }

 private:
  friend struct detail::HandleAccess;
  friend class detail::Lockable<Semaphore>;
  static constexpr auto kind_ = detail::ObjectKind::semaphore;

  explicit Semaphore(detail::ObjectRef object);
  bool take(Timeout timeout) const;
  const char* give() const noexcept;

  detail::ObjectRef object_;
  detail::SemaphoreState* state_;
};

/** @brief Permits of which there are never more than at the beginning: for resources that exist a number of times.
 *
 *  As in Python any process may release, not only the one that acquired. The semaphore remembers how many permits each process holds. A
 *  release gives back one of the caller's own, and if it has none, one of another holder's: of the one with the lowest process slot, which is mostly the
 *  oldest process. Usable with `std::scoped_lock` and `std::unique_lock`. Without contention no operation makes a system call.
 *
 *  **Errors.** Creating: `ArenaFull`; `UsageError` before `init` and for a negative value. Releasing: `UsageError` for a negative number, or for more permits than
 *  are taken; nothing has changed then. All: `UsageError` in a process that is no member of the family. `acquire`: `ArenaFull` if
 *  the memory for one more holder is not to be had.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. Permits belong to processes, not to threads.
 *  What was written before a `release` is seen after the `acquire` that took its permit.
 *
 *  **If the peer dies.** All permits that a dead process held come back, and waiters get them. It does not matter whether it was killed, or ended without releasing.
 *  A waiter's death disturbs nobody.
 *
 *  Example: examples/bounded_semaphore.cpp
 */
class ROYONG_API BoundedSemaphore : public detail::Lockable<BoundedSemaphore> {
 public:
  /// A semaphore with one permit. @throws ArenaFull no memory is left @throws UsageError before `init`
  BoundedSemaphore() : BoundedSemaphore(1) {}
  /** @brief A semaphore with so many permits, now and at the most.
   *  @throws UsageError `value` is negative; before `init`
   *  @throws ArenaFull
   */
  explicit BoundedSemaphore(int value);

  /** @brief Gives permits back, and wakes as many waiters.
   *  @param n how many; 0 does nothing
   *  @throws UsageError `n` is negative, or more than are taken: "released too many times"
   */
  void release(int n = 1) const;
  /// How many permits can be taken at this instant.
  int get_value() const;
  /// Whether none can be taken at this instant.
  bool locked() const { return get_value() == 0; }

 private:
  friend struct detail::HandleAccess;
  friend class detail::Lockable<BoundedSemaphore>;
  static constexpr auto kind_ = detail::ObjectKind::bounded_semaphore;

  explicit BoundedSemaphore(detail::ObjectRef object);
  bool take(Timeout timeout) const;
  const char* give() const noexcept;

  detail::ObjectRef object_;
  detail::SemaphoreState* state_;
};

}  // namespace royong::inline v0
