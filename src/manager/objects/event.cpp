// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/event.hpp"

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

const ServedType& Kind<ServedEvent>::type() noexcept { return served_type<ServedEvent>(); }
TargetRef Kind<ServedEvent>::make(StateRef<Session> session) {
  return create<ServedEvent>(std::move(session));
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0 {

using detail::ServedEvent;

void ManagerEvent::set() const { invoke<&ServedEvent::set>(); }
void ManagerEvent::clear() const { invoke<&ServedEvent::clear>(); }
bool ManagerEvent::is_set() const { return invoke<&ServedEvent::is_set>(); }
bool ManagerEvent::wait(Timeout timeout) const { return invoke<&ServedEvent::wait>(timeout); }
Future<void> ManagerEvent::wait_async() const {
  return invoke_async_as<&ServedEvent::wait, void>(forever);
}

}  // namespace royong::inline v0
