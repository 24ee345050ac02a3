// SPDX-License-Identifier: Apache-2.0
#include "manager/objects/barrier.hpp"

#include <string>   // for std::to_string
#include <utility>  // for std::move, std::exchange

#include "royong/detail/call.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

BrokenBarrierError broken_error() {
  return BrokenBarrierError(
      "the barrier is broken: a party's time was over, a party died, the action failed, or it was "
      "aborted or reset");
}

}  // namespace

ServedBarrier::ServedBarrier(int parties, Timeout timeout)
    : ServedBarrier(parties, PackedBytes(), timeout) {}

ServedBarrier::ServedBarrier(int parties, PackedBytes action, Timeout timeout)
    : parties_(parties), action_(std::move(action)), timeout_(timeout) {
  if (parties < 1) {
    throw UsageError("cannot make a ManagerBarrier of " + std::to_string(parties) +
                     " parties: there must be at least one");
  }
}

void ServedBarrier::wait(Answer<int> answer) { wait_for(std::move(answer), timeout_); }

void ServedBarrier::wait_for(Answer<int> answer, Timeout timeout) {
  if (broken_) return answer.fail(broken_error());
  const int arrived = n_waiting() + 1;
  if (arrived < parties_) {
    line_.wait(std::move(answer), timeout, [this](WaitingLine<int>::Parked late) {
      abort();
      late.answer.fail(broken_error());
    });
    return;
  }
  if (!action_.bytes().empty()) run_action();
  int index = 0;
  while (auto party = line_.take_first()) party->answer.answer(index++);
  answer.answer(index);
}

/// Returns if all may pass now.
void ServedBarrier::run_action() {
  if (acting_) throw UsageError("the action of a ManagerBarrier cannot wait at it");
  acting_ = true;
  try {
    Reader call(action_.bytes());
    Writer result;
    run_call(call, result);
  } catch (...) {
    abort();
    throw;
  }
  if (!std::exchange(acting_, false)) throw broken_error();
}

void ServedBarrier::send_away() noexcept {
  acting_ = false;
  while (auto party = line_.take_first()) party->answer.fail(broken_error());
}

void ServedBarrier::reset() {
  broken_ = false;
  send_away();
}

void ServedBarrier::abort() {
  broken_ = true;
  send_away();
}

void ServedBarrier::forget(SessionId gone) noexcept {
  if (line_.forget(gone) != 0) abort();
}

const ServedType& Kind<ServedBarrier>::type() noexcept { return served_type<ServedBarrier>(); }
TargetRef Kind<ServedBarrier>::make(StateRef<Session> session, int parties, Timeout timeout) {
  return create<ServedBarrier>(std::move(session), parties, timeout);
}
TargetRef Kind<ServedBarrier>::make(StateRef<Session> session, int parties, PackedBytes action,
                                    Timeout timeout) {
  return create<ServedBarrier>(std::move(session), parties, std::move(action), timeout);
}

}  // namespace royong::inline v0::detail

namespace royong::inline v0 {

using detail::ServedBarrier;

int ManagerBarrier::wait() const { return invoke<&ServedBarrier::wait>(); }
int ManagerBarrier::wait(Timeout timeout) const {
  return invoke<&ServedBarrier::wait_for>(timeout);
}
Future<int> ManagerBarrier::wait_async() const { return invoke_async<&ServedBarrier::wait>(); }
void ManagerBarrier::reset() const { invoke<&ServedBarrier::reset>(); }
void ManagerBarrier::abort() const { invoke<&ServedBarrier::abort>(); }
int ManagerBarrier::parties() const { return invoke<&ServedBarrier::parties>(); }
int ManagerBarrier::n_waiting() const { return invoke<&ServedBarrier::n_waiting>(); }
bool ManagerBarrier::broken() const { return invoke<&ServedBarrier::broken>(); }

}  // namespace royong::inline v0
