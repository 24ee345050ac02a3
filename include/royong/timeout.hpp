// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Timeout: how long a call may wait.
 */
#pragma once

#include <chrono>  // for std::chrono::steady_clock, durations

namespace royong::inline v0 {

/** @brief How long a call may wait, on the monotonic clock: made from any `std::chrono::duration`.
 *
 *  Zero or a negative duration polls once. The default is for ever. A duration too long for the clock
 *  (`hours::max()`) is for ever as well, never an overflow.
 */
class Timeout {
 public:
  using Clock = std::chrono::steady_clock;

  /// For ever.
  constexpr Timeout() noexcept = default;

  // NOLINTNEXTLINE(google-explicit-constructor): every function takes durations by way of this conversion.
  template <class Rep, class Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> d) noexcept {
    using Seconds = std::chrono::duration<double>;
    constexpr Seconds century{3.2e9};
    if (Seconds(d) >= century) return;
    duration_ = d <= d.zero() ? Clock::duration::zero() : std::chrono::ceil<Clock::duration>(d);
  }

  constexpr bool is_forever() const noexcept { return duration_ == Clock::duration::max(); }
  constexpr bool is_poll() const noexcept { return duration_ == Clock::duration::zero(); }
  /// The time to wait; `Clock::duration::max()` for ever.
  constexpr Clock::duration duration() const noexcept { return duration_; }
  /// The instant at which a wait that begins now ends; `time_point::max()` for ever.
  Clock::time_point deadline() const noexcept {
    return is_forever() ? Clock::time_point::max() : Clock::now() + duration_;
  }

 private:
  Clock::duration duration_ = Clock::duration::max();
};

/// No limit: the default of every wait.
inline constexpr Timeout forever{};

}  // namespace royong::inline v0
