// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Courtesy: when a thread that waits awake gives its processor away.
 */
#pragma once

#include "royong/detail/config.hpp"

namespace royong::inline v0::sync {

/** @brief What a thread does between two looks at what it waits for: some pauses, or a yield. One object for each wait.
 *
 *  Where somebody else needs this processor, and above all where it is the one who is waited for, nothing happens until the yield: so it should
 *  come at once. Where nobody does, a yield is a system call for nothing, on virtual machines one of microseconds, which is more than a whole
 *  round trip between two processors. A yield tells which it was, by the time that it took: it is short if nobody else ran. So a thread yields
 *  between all its looks, in this wait and the next ones, as long as others run then, and otherwise only once in a while, to find out.
 *
 *  How long a yield to nobody takes is learnt: it is the shortest that this process has seen.
 */
class ROYONG_API Courtesy {
 public:
  /// @param patience looks without a yield, where nobody needs the processor: some microseconds of them
  explicit Courtesy(int patience = 64) noexcept : patience_(patience) {}

  /// A moment between two looks. @return how many looks it counts for: a yield to somebody takes the time of several
  int pass(int pauses) noexcept;
  /// A new wait begins.
  void reset() noexcept { looks_ = 0; }

 private:
  static constexpr int yield_counts = 6;

  int patience_;
  int looks_ = 0;
};

}  // namespace royong::inline v0::sync
