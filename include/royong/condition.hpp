// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Condition: waiting, with a lock given up meanwhile, until another says that something changed.
 */
#pragma once

#include <concepts>  // for std::derived_from, std::predicate
#include <utility>   // for std::move

#include "royong/detail/config.hpp"
#include "royong/detail/lockable.hpp"
#include "royong/detail/object.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/lock.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/** @brief A lock, and a place to wait for what it guards to change.
 *
 *  Who waits owns the lock; `wait` gives it up, sleeps until another notifies, and returns owning it again. A recursive lock is given up wholly and
 *  taken back as often as it was held. Whoever changes what the lock guards notifies while it owns the lock. A notification wakes those who wait at that
 *  moment, the longest waiting first; it is not kept for those who come later. So wait in a loop, or with `wait_for`.
 *
 *  The lock is an RLock of the condition's own, or any RLock or Lock that it is given: several conditions may share one. The condition keeps it alive. The members of the lock are
 *  members of the condition too: `std::scoped_lock guard(condition)` works.
 *
 *  **Errors.** Creating: `ArenaFull`, and `UsageError` before `init`. `wait`, `wait_for`, `notify`, `notify_all`: `UsageError` if the caller does not own the lock (an RLock is owned by a
 *  thread, a Lock by a process); nothing has changed then. `wait`: `ArenaFull` if the memory for one more waiter is not to be had; the lock is still owned then. `release`: as the lock's.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process.
 *
 *  **If the peer dies.** A dead waiter takes no notification from the others: if it had been notified and not yet returned from `wait`, the longest waiting of those who
 *  waited at that time gets the notification in its place. A notifier never waits for those it wakes. Of the lock's owner's death all that Lock says is true: the
 *  lock is free again and `abandoned()`, which is worth a look after `wait`.
 *
 *  Example: examples/condition.cpp
 */
class ROYONG_API Condition : public detail::Lockable<Condition> {
 public:
  /// With an RLock of its own. @throws ArenaFull no memory is left @throws UsageError before `init`
  Condition();
  /// With this lock. @throws ArenaFull no memory is left @throws UsageError before `init`
  explicit Condition(const RLock& lock);
  /// With this lock. @throws ArenaFull no memory is left @throws UsageError before `init`
  explicit Condition(const Lock& lock);
  /// Refused by the compiler: `wait` and `notify` must know whether the caller owns the lock, and nothing else could tell.
  template <class L>
    requires(!std::derived_from<L, Lock> && !std::derived_from<L, RLock> &&
             !std::derived_from<L, Condition> && !std::same_as<L, detail::ObjectRef>)
  explicit Condition(const L&) {
    static_assert(std::derived_from<L, Lock>,
                  "royong: a Condition waits with a Lock or an RLock of royong's");
  }

  /** @brief Gives up the lock, waits to be notified, takes the lock back.
   *  @param timeout how long to wait to be notified; taking the lock back may last longer
   *  @return whether it was notified; false: the time was over first. In both cases the lock is owned again, as often as before
   *  @throws UsageError the caller does not own the lock
   */
  bool wait(Timeout timeout = forever) const { return wait_until(timeout.deadline()); }

  /** @brief Waits until a predicate is true.
   *  @param predicate any callable of this process without arguments; it is called with the lock owned
   *  @param timeout   how long to wait altogether
   *  @return what the predicate returned last
   *  @throws UsageError the caller does not own the lock; and what the predicate throws
   */
  template <std::predicate P>
  bool wait_for(P predicate, Timeout timeout = forever) const {
    require_owned("cannot wait on a Condition");
    const auto deadline = timeout.deadline();
    while (!static_cast<bool>(predicate())) {
      if (!wait_until(deadline)) return static_cast<bool>(predicate());
    }
    return true;
  }

  /** @brief Wakes up to `n` of those who wait now, the longest waiting first. They go on when the lock is free: its release wakes one.
   *  @throws UsageError the caller does not own the lock; `n` is negative
   */
  void notify(int n = 1) const;
  /// Wakes all who wait now. @throws UsageError the caller does not own the lock
  void notify_all() const;

  /// Releases the lock. @throws UsageError as the lock's `release`
  void release() const;
  /// Whether the lock is owned by anybody, at this instant.
  bool locked() const noexcept { return word_->owner() != 0; }
  /// Whether an owner of the lock died and nobody has called `mark_consistent` since.
  bool abandoned() const noexcept { return word_->abandoned(); }
  /// Says that what the lock guards is in order again. Call it while you own the lock.
  void mark_consistent() const noexcept { word_->mark_consistent(); }

 private:
  friend struct detail::HandleAccess;
  friend class detail::Lockable<Condition>;
  static constexpr auto kind_ = detail::ObjectKind::condition;

  explicit Condition(detail::ObjectRef object);
  Condition(const detail::ObjectRef& lock, const detail::LockWord& word, bool recursive);

  bool take(Timeout timeout) const {
    return recursive_ != nullptr ? recursive_->lock(timeout) : word_->lock(timeout);
  }
  const char* give() const noexcept;
  bool wait_until(Timeout::Clock::time_point deadline) const;
  void require_owned(const char* action) const;

  detail::ObjectRef object_;
  detail::ObjectRef lock_;  // empty: the lock lies in object_
  detail::LockWord* word_ = nullptr;
  detail::RecursiveLockWord* recursive_ = nullptr;  // null: the lock is a Lock
};

}  // namespace royong::inline v0
