// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/semaphore.hpp"

#include <algorithm>  // for std::min
#include <climits>    // for INT_MAX
#include <string>     // for std::to_string
#include <utility>    // for std::move

#include "manager/objects/lockable_proxy.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

void require_count(int n, const char* name) {
  if (n >= 0) return;
  throw UsageError("cannot release " + std::to_string(n) + " permits of a " + name +
                   ": the number is negative");
}

}  // namespace

Permits::Permits(int value, const char* name) : name_(name), free_(value) {
  if (value < 0) {
    throw UsageError(std::string("cannot make a ") + name + " of " + std::to_string(value) +
                     " permits: the number is negative");
  }
}

bool Permits::take() noexcept {
  if (free_ == 0) return false;
  --free_;
  return true;
}

void Permits::wait(Answer<bool> answer, Timeout timeout) {
  if (timeout.is_poll()) return answer.answer(false);
  line_.wait(std::move(answer), timeout,
             [](WaitingLine<bool>::Parked late) { late.answer.answer(false); });
}

SessionId Permits::hand_out() {
  if (free_ == 0) return 0;
  auto next = line_.take_first();
  if (!next) return 0;
  --free_;
  const SessionId taker = next->answer.caller().session;
  next->answer.answer(true);
  return taker;
}

int Holders::give(SessionId holder, int n) noexcept {
  const auto found = held_.find(holder);
  if (found == held_.end()) return 0;
  const int given = std::min(n, found->second);
  if ((found->second -= given) == 0) held_.erase(found);
  return given;
}

int Holders::forget(SessionId gone) noexcept { return give(gone, INT_MAX); }

void ServedSemaphore::took(SessionId taker) {
  if (return_on_death_) holders_.take(taker);
}

void ServedSemaphore::hand_out() {
  while (const SessionId taker = permits_.hand_out()) took(taker);
}

void ServedSemaphore::acquire(Answer<bool> answer, Timeout timeout) {
  if (permits_.free() == 0) return permits_.wait(std::move(answer), timeout);
  took(answer.caller().session);
  permits_.take();
  answer.answer(true);
}

void ServedSemaphore::forget(SessionId gone) noexcept {
  permits_.forget(gone);
  permits_.add(holders_.forget(gone));
  hand_out();
}

void ServedSemaphore::release(const Caller& caller, int n) {
  require_count(n, permits_.name());
  if (n > INT_MAX - permits_.free()) {
    throw UsageError("cannot release a ManagerSemaphore: there would be more than " +
                     std::to_string(INT_MAX) + " permits");
  }
  holders_.give(caller.session, n);
  permits_.add(n);
  hand_out();
}

void ServedBoundedSemaphore::acquire(Answer<bool> answer, Timeout timeout) {
  if (permits_.free() == 0) return permits_.wait(std::move(answer), timeout);
  holders_.take(answer.caller().session);
  permits_.take();
  answer.answer(true);
}

void ServedBoundedSemaphore::release(const Caller& caller, int n) {
  require_count(n, permits_.name());
  if (n > value_ - permits_.free()) {
    throw UsageError(
        "cannot release a ManagerBoundedSemaphore: released too many times, more permits would be "
        "free than at the beginning");
  }
  for (int left = n - holders_.give(caller.session, n); left > 0;)
    left -= holders_.give_oldest(left);
  permits_.add(n);
  hand_out();
}

void ServedBoundedSemaphore::hand_out() {
  while (const SessionId taker = permits_.hand_out()) holders_.take(taker);
}

void ServedBoundedSemaphore::forget(SessionId gone) noexcept {
  permits_.forget(gone);
  permits_.add(holders_.forget(gone));
  hand_out();
}

const ServedType& Kind<ServedSemaphore>::type() noexcept { return served_type<ServedSemaphore>(); }
TargetRef Kind<ServedSemaphore>::make(StateRef<Session> session, int value,
                                      SemaphoreOptions options) {
  return create<ServedSemaphore>(std::move(session), value, options);
}

const ServedType& Kind<ServedBoundedSemaphore>::type() noexcept {
  return served_type<ServedBoundedSemaphore>();
}
TargetRef Kind<ServedBoundedSemaphore>::make(StateRef<Session> session, int value) {
  return create<ServedBoundedSemaphore>(std::move(session), value);
}

template <class D, class Object>
void SemaphoreProxy<D, Object>::release(int n) const {
  this->template invoke<&Object::release>(n);
}
template <class D, class Object>
int SemaphoreProxy<D, Object>::get_value() const {
  return this->template invoke<&Object::get_value>();
}

template class LockableProxy<ManagerSemaphore, ServedSemaphore>;
template class SemaphoreProxy<ManagerSemaphore, ServedSemaphore>;
template class LockableProxy<ManagerBoundedSemaphore, ServedBoundedSemaphore>;
template class SemaphoreProxy<ManagerBoundedSemaphore, ServedBoundedSemaphore>;

}  // namespace royong::inline v0::detail
