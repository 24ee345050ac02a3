// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedCondition: what a ManagerCondition stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <memory>   // for std::shared_ptr

#include "manager/objects/lock.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/manager/condition.hpp"
#include "royong/manager/lock.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief A place to wait, and the lock that is given up meanwhile.
 *
 *  A call that waits stands in exactly one line: here until it is notified or its time is over, then in that of the lock, with what it will be answered. So there is
 *  no moment in which it could miss a notification or be given two. A notification whose taker dies on the way from one line to the lock, or before it has given the lock up, goes to the
 *  longest waiting of those who waited when it was given: each has a number, and a notification knows the first number that came later.
 */
class ROYONG_API ServedCondition : public Served<ServedCondition> {
 public:
  /// Over an RLock of its own.
  ServedCondition();
  /// Over a lock of the same server. @throws UsageError it is another server's
  explicit ServedCondition(const ManagerLock& lock);
  explicit ServedCondition(const ManagerRLock& lock);
  explicit ServedCondition(std::shared_ptr<LockState> lock);

  /// Answers when the lock is owned again: whether it was notified. @throws UsageError the caller does not own the lock
  void wait(Answer<bool> answer, Timeout timeout);
  /// @throws UsageError the caller does not own the lock; n is negative
  void notify(const Caller& caller, int n);
  void notify_all(const Caller& caller);
  /// What `wait_for` asks before it first looks. @throws UsageError the caller does not own the lock
  void require_owned(const Caller& caller) const;

  void acquire(Answer<bool> answer, Timeout timeout) { lock_->acquire(std::move(answer), timeout); }
  void release(const Caller& caller) { lock_->release(caller); }
  bool locked() const noexcept { return lock_->locked(); }
  bool abandoned() const noexcept { return lock_->abandoned(); }
  void mark_consistent() noexcept { lock_->mark_consistent(); }

  void forget(SessionId gone) noexcept override;
  /// A wait that is cancelled does not take the lock back.
  void cancel(const CallId& call) noexcept override;
  /// For another condition over this one's lock.
  const std::shared_ptr<LockState>& state() const noexcept { return lock_; }

  using Keeping = OperationList<>;
  using Operations =
      OperationList<&ServedCondition::wait, &ServedCondition::notify, &ServedCondition::notify_all,
                    &ServedCondition::require_owned, &ServedCondition::acquire,
                    &ServedCondition::release, &ServedCondition::locked,
                    &ServedCondition::abandoned, &ServedCondition::mark_consistent>;

 private:
  struct Waiter {
    int depth = 0;             ///< how often the lock was held
    std::uint64_t number = 0;  ///< in the order of arrival
  };
  using Line = WaitingLine<bool, Waiter>;
  struct Room;

  std::shared_ptr<LockState> lock_;
  std::shared_ptr<Room>
      room_;  // shared with notifications on their way, which may outlive the object
};

}  // namespace royong::inline v0::detail
