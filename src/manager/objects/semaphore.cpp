// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/semaphore.hpp"

#include <algorithm>  // for std::min
#include <climits>    // for INT_MAX
#include <string>     // for std::to_string
#include <utility>    // for std::move

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

void ServedSemaphore::acquire(Answer<bool> answer, Timeout timeout) {
  if (permits_.take()) return answer.answer(true);
  permits_.wait(std::move(answer), timeout);
}

void ServedSemaphore::release(int n) {
  require_count(n, permits_.name());
  if (n > INT_MAX - permits_.free()) {
    throw UsageError("cannot release a ManagerSemaphore: there would be more than " +
                     std::to_string(INT_MAX) + " permits");
  }
  permits_.add(n);
  while (permits_.hand_out() != 0) {
  }
}

void ServedBoundedSemaphore::acquire(Answer<bool> answer, Timeout timeout) {
  if (permits_.free() == 0) return permits_.wait(std::move(answer), timeout);
  ++held_[answer.caller().session];
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
  for (int left = n; left > 0;) {
    auto holder = held_.find(caller.session);
    if (holder == held_.end()) holder = held_.begin();
    const int given = std::min(left, holder->second);
    left -= given;
    if ((holder->second -= given) == 0) held_.erase(holder);
  }
  permits_.add(n);
  hand_out();
}

void ServedBoundedSemaphore::hand_out() {
  while (const SessionId taker = permits_.hand_out()) ++held_[taker];
}

void ServedBoundedSemaphore::forget(SessionId gone) noexcept {
  permits_.forget(gone);
  const auto holder = held_.find(gone);
  if (holder == held_.end()) return;
  permits_.add(holder->second);
  held_.erase(holder);
  hand_out();
}

}  // namespace royong::inline v0::detail
