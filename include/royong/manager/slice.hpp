// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Slice: a part of a list or an array, said as in Python.
 */
#pragma once

#include <cstddef>   // for std::size_t
#include <cstdint>   // for std::int64_t
#include <optional>  // for std::optional

#include "royong/detail/config.hpp"

namespace royong::inline v0 {

/** @brief `[start:stop:step]` of Python. Negative positions count from the end, what lies outside is cut off.
 *
 *      list.slice({1, 3})                             // l[1:3]
 *      list.slice({.stop = -1})                       // l[:-1]
 *      list.slice({.step = -1})                       // l[::-1]
 */
struct Slice {
  std::optional<std::int64_t> start =
      {};  ///< the first position; nothing: from the end where the steps begin
  std::optional<std::int64_t> stop =
      {};                 ///< the first that is not in it; nothing: to the other end
  std::int64_t step = 1;  ///< never 0
};

namespace detail {

/// The positions of a slice: `count` of them, `first`, `first + step`, ...
struct SlicePositions {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::size_t count = 0;

  std::size_t operator[](std::size_t i) const noexcept {
    return static_cast<std::size_t>(first + static_cast<std::int64_t>(i) * step);
  }
};

/// @throws UsageError the step is 0
ROYONG_API SlicePositions resolve_slice(const Slice& slice, std::size_t size);

}  // namespace detail

}  // namespace royong::inline v0
