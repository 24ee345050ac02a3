// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/lock.hpp"

#include <climits>  // for INT_MAX
#include <string>   // for std::string
#include <utility>  // for std::move

#include "logging/log.hpp"
#include "manager/objects/lockable_proxy.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

void LockState::own(const Caller& caller, int depth, Lost lost) noexcept {
  owner_ = caller;
  depth_ = depth;
  lost_ = std::move(lost);
}

void LockState::hand_on() noexcept {
  depth_ = 0;
  lost_ = nullptr;
  auto next = line_.take_first();
  if (!next) return;
  own(next->answer.caller(), next->extra.depth, std::move(next->extra.lost));
  next->answer.answer(next->extra.answer);
}

void LockState::acquire(Answer<bool> answer, Timeout timeout) {
  const Caller& caller = answer.caller();
  if (depth_ == 0) {
    own(caller, 1, nullptr);
    return answer.answer(true);
  }
  if (kind_ == Kind::rlock && owner_ == caller) {
    if (depth_ == INT_MAX) throw UsageError("cannot acquire a ManagerRLock so many times");
    ++depth_;
    return answer.answer(true);
  }
  if (timeout.is_poll()) return answer.answer(false);
  line_.wait(
      std::move(answer), timeout, [](Line::Parked late) { late.answer.answer(false); }, Claim{});
}

void LockState::release(const Caller& caller) {
  if (depth_ == 0) {
    throw UsageError(std::string("cannot release a ") + name_ +
                     " that is free: released too many times");
  }
  if (kind_ == Kind::rlock && owner_ != caller) {
    throw UsageError(std::string("cannot release a ") + name_ + " that this thread does not own");
  }
  if (--depth_ == 0) hand_on();
}

bool LockState::is_owned_by(const Caller& caller) const noexcept {
  if (depth_ == 0) return false;
  return kind_ == Kind::rlock ? owner_ == caller : owner_.session == caller.session;
}

void LockState::take_back(Answer<bool> call, int depth, bool answer, Lost lost) {
  if (depth_ == 0) {
    own(call.caller(), depth, std::move(lost));
    return call.answer(answer);
  }
  line_.wait(std::move(call), forever, [](Line::Parked) {}, Claim{depth, answer, std::move(lost)});
}

bool LockState::cancel(const CallId& call) noexcept {
  auto taken =
      line_.take_first_of([&](const Line::Parked& parked) { return parked.answer.id() == call; });
  if (!taken) return false;
  taken->answer.cancel();
  if (taken->extra.lost) taken->extra.lost();
  return true;
}

void LockState::forget(SessionId gone) noexcept {
  gone_ = gone;
  // Before the lock goes to the next in line: that must not be one of them.
  std::vector<Lost> lost;
  while (auto dropped = line_.take_first_of(
             [&](const Line::Parked& parked) { return parked.answer.caller().session == gone; })) {
    if (dropped->extra.lost) lost.push_back(std::move(dropped->extra.lost));
  }
  if (depth_ != 0 && owner_.session == gone) {
    abandoned_ = true;
    if (lost_) lost.push_back(std::move(lost_));
    warn(
        "A {} of a client, which ended holding it, is free again; what it guards may be "
        "half-changed (see abandoned())",
        name_);
    hand_on();
  }
  for (const Lost& tell : lost) tell();
}

const ServedType& Kind<ServedLock>::type() noexcept { return served_type<ServedLock>(); }
TargetRef Kind<ServedLock>::make(StateRef<Session> session) {
  return create<ServedLock>(std::move(session));
}

const ServedType& Kind<ServedRLock>::type() noexcept { return served_type<ServedRLock>(); }
TargetRef Kind<ServedRLock>::make(StateRef<Session> session) {
  return create<ServedRLock>(std::move(session));
}

template class LockableProxy<ManagerLock, ServedLock>;
template class LockProxy<ManagerLock, ServedLock>;
template class LockableProxy<ManagerRLock, ServedRLock>;
template class LockProxy<ManagerRLock, ServedRLock>;

}  // namespace royong::inline v0::detail
