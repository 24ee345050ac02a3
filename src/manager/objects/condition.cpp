// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/condition.hpp"

#include <string>   // for std::to_string
#include <utility>  // for std::move

#include "manager/objects/lockable_proxy.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

struct ServedCondition::Room : std::enable_shared_from_this<Room> {
  explicit Room(std::shared_ptr<LockState> of) : lock(std::move(of)) {}

  /// Sends the longest waiting of those that came before number `end` to the lock. @return whether there was one
  bool notify_one(std::uint64_t end) {
    auto notified = line.take_first_of([&](const Line::Parked& parked) {
      return parked.extra.number < end && !lock->is_gone(parked.answer.caller().session);
    });
    if (!notified) return false;
    const int depth = notified->extra.depth;
    lock->take_back(std::move(notified->answer), depth, true, [room = weak_from_this(), end] {
      if (const auto still = room.lock()) still->notify_one(end);
    });
    return true;
  }

  const std::shared_ptr<LockState> lock;
  Line line;
  std::uint64_t next_number = 0;
};

ServedCondition::ServedCondition()
    : ServedCondition(
          std::make_shared<LockState>(LockState::Kind::rlock, "ManagerCondition's lock")) {}

namespace {

/// Where `hand_over` puts the state of a lock of this process, for the thread that asked.
thread_local std::shared_ptr<LockState> handed_over;

/// Runs where the lock is.
template <class Object>
void hand_over(ServedObject& self, IncomingCall& call) {
  call.in().expect_end();
  handed_over = static_cast<Object&>(self).state();
  call.reply();
}

/// A server's call of its own object runs at once, on the thread that makes it.
template <class Lock>
std::shared_ptr<LockState> state_of_lock(const Lock& lock) {
  handed_over.reset();
  OutgoingCall call(lock.target(), thunk_id<&hand_over<typename Lock::ServedClass>>());
  Reply reply;
  call.perform(reply);
  if (auto state = std::exchange(handed_over, nullptr)) return state;
  throw UsageError("cannot make a ManagerCondition: its lock belongs to another manager");
}

}  // namespace

ServedCondition::ServedCondition(const ManagerLock& lock) : ServedCondition(state_of_lock(lock)) {}

ServedCondition::ServedCondition(const ManagerRLock& lock) : ServedCondition(state_of_lock(lock)) {}

ServedCondition::ServedCondition(std::shared_ptr<LockState> lock)
    : lock_(std::move(lock)), room_(std::make_shared<Room>(lock_)) {}

void ServedCondition::require_owned(const Caller& caller) const {
  if (lock_->is_owned_by(caller)) return;
  throw UsageError("cannot wait on a ManagerCondition: the caller does not own its lock");
}

void ServedCondition::wait(Answer<bool> answer, Timeout timeout) {
  require_owned(answer.caller());
  // In line before the lock goes to another, who may notify.
  const std::uint64_t number = room_->next_number++;
  const int depth = lock_->depth();
  room_->line.wait(
      std::move(answer), timeout,
      [lock = lock_](Line::Parked late) {
        const int held = late.extra.depth;
        lock->take_back(std::move(late.answer), held, false, nullptr);
      },
      Waiter{depth, number});
  lock_->give_up();
}

void ServedCondition::notify(const Caller& caller, int n) {
  if (!lock_->is_owned_by(caller)) {
    throw UsageError("cannot notify a ManagerCondition: the caller does not own its lock");
  }
  if (n < 0) {
    throw UsageError("cannot notify " + std::to_string(n) +
                     " waiters of a ManagerCondition: the number is negative");
  }
  const std::uint64_t end = room_->next_number;
  while (n-- > 0 && room_->notify_one(end)) {
  }
}

void ServedCondition::notify_all(const Caller& caller) {
  if (!lock_->is_owned_by(caller)) {
    throw UsageError("cannot notify a ManagerCondition: the caller does not own its lock");
  }
  while (room_->notify_one(room_->next_number)) {
  }
}

void ServedCondition::cancel(const CallId& call) noexcept {
  if (!room_->line.cancel(call)) lock_->cancel(call);
}

void ServedCondition::forget(SessionId gone) noexcept {
  // Those who wait here first: a notification that the lock gives back must not go to one of them.
  room_->line.forget(gone);
  lock_->forget(gone);
}

const ServedType& Kind<ServedCondition>::type() noexcept { return served_type<ServedCondition>(); }
TargetRef Kind<ServedCondition>::make(StateRef<Session> session) {
  return create<ServedCondition>(std::move(session));
}
TargetRef Kind<ServedCondition>::make(StateRef<Session> session, const ManagerLock& lock) {
  return create<ServedCondition>(std::move(session), lock);
}
TargetRef Kind<ServedCondition>::make(StateRef<Session> session, const ManagerRLock& lock) {
  return create<ServedCondition>(std::move(session), lock);
}

template class LockableProxy<ManagerCondition, ServedCondition>;
template class LockProxy<ManagerCondition, ServedCondition>;

}  // namespace royong::inline v0::detail

namespace royong::inline v0 {

using detail::ServedCondition;

bool ManagerCondition::wait(Timeout timeout) const {
  return invoke<&ServedCondition::wait>(timeout);
}
Future<void> ManagerCondition::wait_async() const {
  return invoke_async_as<&ServedCondition::wait, void>(forever);
}
void ManagerCondition::notify(int n) const { invoke<&ServedCondition::notify>(n); }
void ManagerCondition::notify_all() const { invoke<&ServedCondition::notify_all>(); }
void ManagerCondition::require_owned() const { invoke<&ServedCondition::require_owned>(); }

}  // namespace royong::inline v0
