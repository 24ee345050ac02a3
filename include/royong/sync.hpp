// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lock, RLock, Event: how processes take turns and wait for each other.
 *
 *  All of them are handles: a copy names the same shared object, and a handle may be an argument, a result or a message. The object is gone
 *  when the last process has let go of it. All of them work between the threads of one process as well.
 *
 *  **If a participant dies** (kill -9 included) nobody hangs:
 *
 *  | who dies               | what happens |
 *  |------------------------|--------------|
 *  | the owner of a lock    | the next one acquires it; `abandoned()` is true until `mark_consistent()`; the log gets a warning with the dead pid |
 *  | a waiter               | nothing; the others are woken as if it had never been there |
 *  | who was about to wake others | they are woken by the death broadcast, or look again after 50 ms at the most |
 *
 *  "The owner" is a process. A thread that ends without releasing what it holds leaves it taken, as in Python, until its process ends.
 */
#pragma once

#include <utility>  // for std::move

#include "royong/detail/config.hpp"
#include "royong/detail/lock_word.hpp"
#include "royong/detail/lockable.hpp"
#include "royong/detail/object.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
/// Where the kind of an object keeps its state: 256 bytes in shared memory, aligned to 64, zero-filled at the creation.
ROYONG_API void* object_state(const ObjectRef& object) noexcept;
template <class T>
class Cells;
}  // namespace detail

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
  /// A free lock. @throws ArenaFull, UsageError
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
  friend class detail::Lockable<Lock>;
  // NOLINTNEXTLINE(readability-identifier-naming): what HandleAccess asks for.
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
 *  Example: examples/value_array.cpp
 */
class ROYONG_API RLock : public detail::Lockable<RLock> {
 public:
  /// A free lock. @throws ArenaFull, UsageError
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
  friend class detail::Lockable<RLock>;
  // NOLINTNEXTLINE(readability-identifier-naming): what HandleAccess asks for.
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
  /// A clear event. @throws ArenaFull, UsageError
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
  // NOLINTNEXTLINE(readability-identifier-naming): what HandleAccess asks for.
  static constexpr auto kind_ = detail::ObjectKind::event;
  explicit Event(detail::ObjectRef object) : object_(std::move(object)) {}

  detail::ObjectRef object_;
};

}  // namespace royong::inline v0
