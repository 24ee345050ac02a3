// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lock, RLock: one owner at a time. What they have in common with the other primitives: sync.hpp.
 *
 *  "The owner" is a process. A thread that ends without releasing what it holds leaves it taken, as in Python, until its process ends.
 */
#pragma once

#include <utility>  // for std::move

#include "royong/detail/config.hpp"
#include "royong/detail/lock_word.hpp"
#include "royong/detail/lockable.hpp"
#include "royong/detail/object.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
/// Where the kind of an object keeps its state: 256 bytes in shared memory, aligned to 64, zero-filled at the creation.
ROYONG_API void* object_state(const ObjectRef& object) noexcept;
template <class T>
class Cells;
}  // namespace detail
class Condition;

/** @brief Mutual exclusion: one owner at a time. Not recursive: taking it twice waits for ever.
 *
 *  As in Python any thread of any process may release it, not only the one that took it. Usable with
 *  `std::scoped_lock` and `std::unique_lock`. Taking and releasing without contention is two atomic instructions and no system call.
 *
 *  **Errors.** Creating: `ArenaFull`, and `UsageError` before `init`. Acquiring: `UsageError` in a process that is no member of the
 *  family. Releasing: `UsageError` when it is free.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies.** When the owner dies, the next process acquires the lock and sees `abandoned()`: what the lock guards may be half-changed. Whoever
 *  has put it right calls `mark_consistent()`. Who does not care can ignore both: the lock works.
 *
 *  Example: examples/lock_race.cpp
 */
class ROYONG_API Lock : public detail::Lockable<Lock> {
 public:
  /// A free lock. @throws ArenaFull no memory is left @throws UsageError before `init`
  Lock() : Lock(detail::ObjectRef::create(kind_)) {}
  Lock(const Lock&) = default;
  Lock& operator=(const Lock&) = default;

  /// Lets the next one in. @throws UsageError it is free: "released too many times"
  void release() const;
  /// Whether somebody owns it, at this instant.
  bool locked() const noexcept { return word_->owner() != 0; }
  /// Whether an owner died and nobody has called `mark_consistent` since.
  bool abandoned() const noexcept { return word_->abandoned(); }
  /// Says that what the lock guards is in order again. Call it while you own the lock.
  void mark_consistent() const noexcept { word_->mark_consistent(); }

 private:
  friend struct detail::HandleAccess;
  friend class Condition;
  friend class detail::Lockable<Lock>;
  static constexpr auto kind_ = detail::ObjectKind::lock;

  explicit Lock(detail::ObjectRef object)
      : object_(std::move(object)),
        word_(static_cast<detail::LockWord*>(detail::object_state(object_))) {}
  bool take(Timeout timeout) const { return word_->lock(timeout); }
  const char* give() const noexcept {
    return word_->unlock() ? nullptr
                           : "cannot release a Lock that is free: released too many times";
  }

  detail::ObjectRef object_;
  detail::LockWord* word_;
};

/** @brief A lock that its owner, one thread of one process, can take again; it is free after as many releases.
 *
 *  Only the owner may release it. Usable with `std::scoped_lock` and `std::unique_lock`.
 *
 *  **Errors, threads and processes, if the peer dies:** as Lock. Releasing what this thread does not own is `UsageError`. How often a dead owner had taken
 *  it does not matter: its death frees it altogether.
 *
 *  Example: examples/rlock.cpp
 */
class ROYONG_API RLock : public detail::Lockable<RLock> {
 public:
  /// A free lock. @throws ArenaFull no memory is left @throws UsageError before `init`
  RLock() : RLock(detail::ObjectRef::create(kind_)) {}
  RLock(const RLock&) = default;
  RLock& operator=(const RLock&) = default;

  /// Undoes one acquire. @throws UsageError this thread does not own it
  void release() const;
  /// Whether some thread owns it, at this instant.
  bool locked() const noexcept { return word_->lock_word.owner() != 0; }
  /// Whether an owner died and nobody has called `mark_consistent` since.
  bool abandoned() const noexcept { return word_->lock_word.abandoned(); }
  /// Says that what the lock guards is in order again. Call it while you own the lock.
  void mark_consistent() const noexcept { word_->lock_word.mark_consistent(); }

 private:
  friend struct detail::HandleAccess;
  template <class>
  friend class detail::Cells;
  friend class Condition;
  friend class detail::Lockable<RLock>;
  static constexpr auto kind_ = detail::ObjectKind::rlock;

  explicit RLock(detail::ObjectRef object)
      : object_(std::move(object)),
        word_(static_cast<detail::RecursiveLockWord*>(detail::object_state(object_))) {}
  /// The lock of a Value or an Array.
  RLock(detail::ObjectRef object, detail::RecursiveLockWord* word)
      : object_(std::move(object)), word_(word) {}
  bool take(Timeout timeout) const { return word_->lock(timeout); }
  const char* give() const noexcept {
    return word_->unlock() ? nullptr : "cannot release an RLock that this thread does not own";
  }

  detail::ObjectRef object_;
  detail::RecursiveLockWord* word_;
};

}  // namespace royong::inline v0
