// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Timeout: how long a call may wait.
 */
#pragma once

#include <chrono>   // for std::chrono::steady_clock ...
#include <cstdint>  // for std::int64_t

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

  /// Whether it has no end.
  constexpr bool is_forever() const noexcept { return duration_ == Clock::duration::max(); }
  /// Whether it looks once and does not wait.
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

/// For archives: a timeout travels as its nanoseconds, -1 for ever.
template <class Archive>
void serialize(Archive& archive, Timeout& timeout) {
  std::int64_t nanoseconds = -1;
  if constexpr (Archive::is_saving) {
    if (!timeout.is_forever()) {
      nanoseconds = std::chrono::nanoseconds(timeout.duration()).count();
    }
    archive(nanoseconds);
  } else {
    archive(nanoseconds);
    timeout = nanoseconds < 0 ? Timeout() : Timeout(std::chrono::nanoseconds(nanoseconds));
  }
}

/// No limit: the default of every wait.
inline constexpr Timeout forever{};

}  // namespace royong::inline v0
