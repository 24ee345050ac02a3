// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief WaitingLine: calls that wait for their answer, in the order of their arrival.
 */
#pragma once

#include <cstddef>     // for std::size_t
#include <functional>  // for std::function
#include <list>        // for std::list
#include <optional>    // for std::optional
#include <utility>     // for std::move

#include "royong/detail/manager/answer.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// For a `WaitingLine` in which calls bring nothing along.
struct NothingElse {};

/** @brief Calls of one kind that a served object cannot answer yet. Used by the server's loop alone.
 *
 *      void acquire(Answer<bool> answer, Timeout timeout) {
 *        if (!held_) { held_ = true; return answer.answer(true); }
 *        line_.wait(std::move(answer), timeout, [](auto parked) { parked.answer.answer(false); });
 *      }
 *      void release() {
 *        if (auto next = line_.take_first()) next->answer.answer(true); else held_ = false;
 *      }
 *      void forget(SessionId gone) noexcept override { line_.forget(gone); }
 *      void cancel(const CallId& call) noexcept override { line_.cancel(call); }
 *
 *  @tparam R     what the calls are answered with
 *  @tparam Extra what each brings along: the value of a put that waits for room, say
 *
 *  Calls that are still here when the line ends get a `CancelledError`.
 */
template <class R, class Extra = NothingElse>
class WaitingLine {
 public:
  /// One call, taken out of the line.
  struct Parked {
    Answer<R> answer;
    [[no_unique_address]] Extra extra;
  };
  /// What to do with a call whose time is over.
  using Expired = std::function<void(Parked)>;

  WaitingLine() = default;
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;
  ~WaitingLine() { clear(); }

  /** @brief Adds a call at the end of the line.
   *  @param timeout when that is over, the call is taken out and given to `expired`; a time of zero or less is over with the loop's next turn
   */
  void wait(Answer<R> answer, Timeout timeout, Expired expired, Extra extra = {}) {
    Timers& timers = answer.timers();
    line_.push_back({{std::move(answer), std::move(extra)}, 0, std::move(expired)});
    const auto place = std::prev(line_.end());
    place->timer = timers.add(timeout.deadline(), [this, place] {
      Expired run = std::move(place->expired);
      Parked parked = std::move(place->parked);
      line_.erase(place);
      run(std::move(parked));
    });
  }

  bool empty() const noexcept { return line_.empty(); }
  std::size_t size() const noexcept { return line_.size(); }
  /// Who has waited longest. There must be one.
  const Parked& first() const noexcept { return line_.front().parked; }

  /// Takes out who has waited longest.
  std::optional<Parked> take_first() {
    if (line_.empty()) return std::nullopt;
    return take(line_.begin());
  }

  /// Takes out the first call for which `wanted(const Parked&)` is true.
  template <class Wanted>
  std::optional<Parked> take_first_of(Wanted wanted) {
    for (auto at = line_.begin(); at != line_.end(); ++at) {
      if (wanted(std::as_const(at->parked))) return take(at);
    }
    return std::nullopt;
  }

  /// A client is gone: drops its calls. @return how many there were
  std::size_t forget(SessionId session) noexcept {
    std::size_t dropped = 0;
    for (auto at = line_.begin(); at != line_.end();) {
      const auto next = std::next(at);
      if (at->parked.answer.caller().session == session) {
        at->parked.answer.timers().cancel(at->timer);
        line_.erase(at);
        ++dropped;
      }
      at = next;
    }
    return dropped;
  }

  /// The call leaves, if it is here, and is answered as cancelled. @return whether it was here
  bool cancel(const CallId& call) noexcept {
    auto taken = take_first_of([&](const Parked& parked) { return parked.answer.id() == call; });
    if (taken) taken->answer.cancel();
    return taken.has_value();
  }

  /// Everybody gets a `CancelledError`.
  void clear() noexcept {
    while (!line_.empty()) {
      line_.front().parked.answer.timers().cancel(line_.front().timer);
      line_.pop_front();
    }
  }

 private:
  struct Entry {
    Parked parked;
    Timers::Id timer;
    Expired expired;
  };

  std::optional<Parked> take(typename std::list<Entry>::iterator at) {
    at->parked.answer.timers().cancel(at->timer);
    std::optional<Parked> taken(std::move(at->parked));
    line_.erase(at);
    return taken;
  }

  std::list<Entry> line_;
};

}  // namespace royong::inline v0::detail
