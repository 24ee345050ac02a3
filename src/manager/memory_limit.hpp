// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief MemoryLimit: whether this process may hold more for clients of other programs.
 *
 *  What objects take no sum of messages tells, so it is measured: what the process has in memory of its own, and swapped out. That costs as much as some calls, so between two measurements what comes
 *  is only added up, and counted sixteen times: the next one is due when that could matter. So the limit may be passed by what a few messages bring, not by more.
 */
#pragma once

#include <cstdint>  // for std::uint64_t

#include "royong/error.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::manager {

/// Used by the server's loop alone.
class MemoryLimit {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  /// @param most bytes; 0: half of what the machine, or the control group, has; `none`
  explicit MemoryLimit(std::uint64_t most);

  /// A client brings so many bytes. @return about how many the process may hold beyond what it holds
  std::uint64_t left_for(std::uint64_t bytes);
  bool is_full() { return left_for(1) == 0; }
  /// @throws UsageError so much is not left
  void require(std::uint64_t bytes);

 private:
  void measure();

  const std::uint64_t most_;
  std::uint64_t left_ = 0;  ///< by the last measurement, less what was counted since
  bool was_full_ = false;   ///< at the last measurement
  Timeout::Clock::time_point measured_{};
};

/// What those are told for whom no memory is left.
UsageError no_memory();

}  // namespace royong::inline v0::manager
