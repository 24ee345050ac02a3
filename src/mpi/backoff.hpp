// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Backoff: how long who looks for messages looks, and how long it sleeps between looks.
 */
#pragma once

#include <algorithm>  // for std::min
#include <chrono>     // for std::chrono

#include "royong/timeout.hpp"
#include "sync/courtesy.hpp"

namespace royong::inline v0::mpi {

/** @brief Looks without a pause for a moment after the last event, then sleeps longer and longer.
 *
 *  MPI can be asked whether there is a message but not, at no cost, to say so. A look costs about a
 *  microsecond: at the longest sleep an idle rank uses a thousandth of a processor.
 */
class Backoff {
 public:
  using Clock = Timeout::Clock;

  /// Something happened.
  void reset(Clock::time_point now) noexcept {
    last_ = now;
    sleep_ = shortest;
    courtesy_.reset();
  }
  /// What to do before it.
  void pass() noexcept { courtesy_.pass(0); }
  /// Whether to look again at once, after `pass`.
  bool spins(Clock::time_point now) const noexcept { return now - last_ < spin_time; }
  /// How long to sleep now. @param busy something is under way, so that something is to be expected
  Clock::duration sleep_time(bool busy) noexcept {
    const auto time = std::min<Clock::duration>(sleep_, busy ? longest_if_busy : longest);
    sleep_ = std::min<Clock::duration>(sleep_ + sleep_ / 4, longest);
    return time;
  }

 private:
  // Longer than a round trip in which everybody sleeps: else everybody would sleep in the next one as well.
  static constexpr std::chrono::microseconds spin_time{400};
  static constexpr std::chrono::microseconds shortest{30};
  static constexpr std::chrono::microseconds longest_if_busy{200};
  static constexpr std::chrono::milliseconds longest{2};

  Clock::time_point last_{};
  sync::Courtesy courtesy_{8};  // a look takes a microsecond
  Clock::duration sleep_ = shortest;
};

}  // namespace royong::inline v0::mpi
