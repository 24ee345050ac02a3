// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/barrier.hpp"

#include <string>   // for std::to_string
#include <utility>  // for std::move

#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

BrokenBarrierError broken_error() {
  return BrokenBarrierError(
      "the barrier is broken: a party's time was over, a party died, or it was aborted or reset");
}

}  // namespace

ServedBarrier::ServedBarrier(int parties, Timeout timeout) : parties_(parties), timeout_(timeout) {
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
  int index = 0;
  while (auto party = line_.take_first()) party->answer.answer(index++);
  answer.answer(index);
}

void ServedBarrier::send_away() noexcept {
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

}  // namespace royong::inline v0::detail
