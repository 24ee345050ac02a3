// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief LockState, ServedLock, ServedRLock: what a ManagerLock and a ManagerRLock stand for, in the server. Used by the server's one thread.
 */
#pragma once

#include <functional>  // for std::function
#include <memory>      // for std::shared_ptr
#include <vector>      // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/manager/lock.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief Who owns a lock, how often, and who waits for it. A ServedLock or ServedRLock has one, which the conditions over it share.
 *
 *  It is owned exactly while `depth_ > 0`; nobody waits while it is free: whoever lets go hands it to the first in line before anything else happens.
 *  A call that waits owns the lock from the moment its answer is given. A client that dies before it has read the answer dies as the owner.
 */
class ROYONG_API LockState {
 public:
  enum class Kind {
    lock,   ///< taken once; owned by a process, and anybody may release it
    rlock,  ///< taken again by the thread that owns it, and released by it
  };
  /// Called when a client that came back from a condition has died before it gave the lock up, or its call was cancelled: it never learned that it was notified, perhaps.
  using Lost = std::function<void()>;

  /// @param name for errors: "ManagerLock"
  LockState(Kind kind, const char* name) noexcept : kind_(kind), name_(name) {}

  /// Answers true when it is owned, false when the time is over.
  void acquire(Answer<bool> answer, Timeout timeout);
  /// Undoes one acquire. @throws UsageError it is free, or not the caller's to release
  void release(const Caller& caller);
  bool is_owned_by(const Caller& caller) const noexcept;
  bool locked() const noexcept { return depth_ != 0; }
  bool abandoned() const noexcept { return abandoned_; }
  void mark_consistent() noexcept { abandoned_ = false; }

  /// How often its owner holds it.
  int depth() const noexcept { return depth_; }
  /// The owner goes to wait for a condition: lets go wholly.
  void give_up() noexcept { hand_on(); }
  /** @brief A call that waited for a condition takes the lock back, as often as it was held, and is answered then.
   *  @param answer what it is answered with
   *  @param lost   called if its client dies before it has given up the lock that it gets
   */
  void take_back(Answer<bool> call, int depth, bool answer, Lost lost);

  /// A client is gone: its calls are dropped, and what it owned goes to the next in line, abandoned.
  void forget(SessionId gone) noexcept;
  /// The call leaves the line, if it is here. A notification that it was given goes to another. @return whether it was here
  bool cancel(const CallId& call) noexcept;
  /// Whether this is the client that was forgotten last: a condition over the lock may be told of its end later.
  bool is_gone(SessionId session) const noexcept { return session == gone_; }

 private:
  struct Claim {
    int depth = 1;
    bool answer = true;
    Lost lost;
  };
  using Line = WaitingLine<bool, Claim>;

  void own(const Caller& caller, int depth, Lost lost) noexcept;
  void hand_on() noexcept;

  const Kind kind_;
  const char* const name_;
  Caller owner_;
  int depth_ = 0;
  Lost lost_;  // of the owner
  bool abandoned_ = false;
  SessionId gone_ = 0;
  Line line_;
};

/// The operations that a lock of either kind has.
template <class Derived, LockState::Kind kind>
class ServedLockOf : public Served<Derived> {
 public:
  void acquire(Answer<bool> answer, Timeout timeout) {
    state_->acquire(std::move(answer), timeout);
  }
  void release(const Caller& caller) { state_->release(caller); }
  bool locked() const noexcept { return state_->locked(); }
  bool abandoned() const noexcept { return state_->abandoned(); }
  void mark_consistent() noexcept { state_->mark_consistent(); }

  void forget(SessionId gone) noexcept override { state_->forget(gone); }
  void cancel(const CallId& call) noexcept override { state_->cancel(call); }
  /// For a condition over this lock.
  const std::shared_ptr<LockState>& state() const noexcept { return state_; }

  using Keeping = OperationList<>;
  using Operations =
      OperationList<&ServedLockOf::acquire, &ServedLockOf::release, &ServedLockOf::locked,
                    &ServedLockOf::abandoned, &ServedLockOf::mark_consistent>;

 private:
  std::shared_ptr<LockState> state_ = std::make_shared<LockState>(
      kind, kind == LockState::Kind::lock ? "ManagerLock" : "ManagerRLock");
};

class ROYONG_API ServedLock : public ServedLockOf<ServedLock, LockState::Kind::lock> {};
class ROYONG_API ServedRLock : public ServedLockOf<ServedRLock, LockState::Kind::rlock> {};

}  // namespace royong::inline v0::detail
