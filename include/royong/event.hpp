// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Event: a flag that processes wait for. What it has in common with the other primitives: sync.hpp.
 */
#pragma once

#include <utility>  // for std::move

#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/** @brief A flag that processes can wait for.
 *
 *  Unlike Python's, a `set()` followed at once by `clear()` is not missed: whoever was waiting when it was set returns true.
 *
 *  **Errors.** Creating: `ArenaFull`, and `UsageError` before `init`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. What was written before `set()` is seen after `wait()`.
 *
 *  **If the peer dies.** A waiter's death disturbs nobody; `set()` never waits for those it wakes. If the one who should set it
 *  dies, it stays clear: wait with a timeout, or for that process as well.
 *
 *  Example: examples/event.cpp
 */
class ROYONG_API Event {
 public:
  /// A clear event. @throws ArenaFull no memory is left @throws UsageError before `init`
  Event() : Event(detail::ObjectRef::create(kind_)) {}

  /// Wakes all who wait, and all who will until `clear`.
  void set() const noexcept;
  /// From now on `wait` waits.
  void clear() const noexcept;
  /// Whether it is set, at this instant.
  bool is_set() const noexcept;
  /** @brief Waits until it is set.
   *  @return whether it is, or was since the call; false: the time was over first
   */
  bool wait(Timeout timeout = forever) const;

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::event;
  explicit Event(detail::ObjectRef object) : object_(std::move(object)) {}

  detail::ObjectRef object_;
};

}  // namespace royong::inline v0
