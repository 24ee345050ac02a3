// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Timers: what a server's loop has to do at given instants.
 */
#pragma once

#include <cstdint>        // for std::uint64_t
#include <functional>     // for std::function
#include <map>            // for std::map
#include <unordered_map>  // for std::unordered_map

#include "royong/detail/config.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief Functions, each to be run once at its instant. Used by one thread; asks no clock.
 *
 *      const auto id = timers.add(deadline, [&] { give_up(); });
 *      timers.cancel(id);                       // unless it has run
 *      timers.run_due(Timeout::Clock::now());   // the loop
 */
class ROYONG_API Timers {
 public:
  using Instant = Timeout::Clock::time_point;
  /// Names an entry; never used again. 0 names none.
  using Id = std::uint64_t;

  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  /// @return 0 for `Instant::max()`: such a thing never happens, and nothing is kept
  Id add(Instant when, std::function<void()> run);
  /// Nothing happens when it has run, or names none.
  void cancel(Id id) noexcept;
  /// When `run_due` has something to do next; `Instant::max()`: never.
  Instant next() const noexcept;
  /** @brief Runs what is due, in the order of the instants, then of `add`.
   *
   *  An entry is gone before it runs, so it may add and cancel. What it adds runs in this call too if it is due.
   *  @return how many have run
   */
  std::size_t run_due(Instant now);

  std::size_t size() const noexcept { return instants_.size(); }

 private:
  std::map<std::pair<Instant, Id>, std::function<void()>> queue_;
  std::unordered_map<Id, Instant> instants_;
  Id last_ = 0;
};

}  // namespace royong::inline v0::detail
