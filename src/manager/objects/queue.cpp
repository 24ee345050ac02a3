// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/queue.hpp"

#include <algorithm>  // for std::min
#include <string>     // for std::to_string

#include "logging/log.hpp"

namespace royong::inline v0::detail {

std::size_t require_maxsize(int maxsize) {
  if (maxsize >= 0) return static_cast<std::size_t>(maxsize);
  throw UsageError("cannot make a queue of at most " + std::to_string(maxsize) +
                   " messages: the number is negative");
}

ShutDown shut_down_error() { return ShutDown("the queue is shut down"); }

void UndoneMessages::done(std::size_t n) noexcept {
  undone_ -= n;
  if (undone_ != 0) return;
  while (auto waiter = joining_.take_first()) waiter->answer.answer(true);
}

void UndoneMessages::drop(std::size_t n) noexcept {
  if (n != 0) done(n);
}

void UndoneMessages::task_done(const Caller& caller) {
  // Own ones first; who took nothing reports for another, of whom nobody knows which it is.
  auto taker = taken_.find(caller.session);
  if (taker == taken_.end()) taker = taken_.begin();
  if (taker == taken_.end()) {
    throw UsageError("cannot report a task as done: called too many times");
  }
  if (--taker->second == 0) taken_.erase(taker);
  done(1);
}

void UndoneMessages::join(Answer<bool> answer, Timeout timeout) {
  if (undone_ == 0 || timeout.is_poll()) return answer.answer(undone_ == 0);
  joining_.wait(std::move(answer), timeout,
                [](WaitingLine<bool>::Parked late) { late.answer.answer(false); });
}

void UndoneMessages::forget(SessionId gone) noexcept {
  joining_.forget(gone);
  const auto taker = taken_.find(gone);
  if (taker == taken_.end()) return;
  const std::size_t lost = taker->second;
  taken_.erase(taker);
  lost_ += lost;
  warn("{} messages of a ManagerJoinableQueue died with the client that had taken them", lost);
  done(lost);
}

}  // namespace royong::inline v0::detail
