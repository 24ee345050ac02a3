// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/event.hpp"

#include <utility>  // for std::move

namespace royong::inline v0::detail {

void ServedEvent::set() {
  is_set_ = true;
  while (auto waiter = line_.take_first()) waiter->answer.answer(true);
}

void ServedEvent::wait(Answer<bool> answer, Timeout timeout) {
  if (is_set_ || timeout.is_poll()) return answer.answer(is_set_);
  line_.wait(std::move(answer), timeout,
             [](WaitingLine<bool>::Parked late) { late.answer.answer(false); });
}

}  // namespace royong::inline v0::detail
