// SPDX-License-Identifier: Apache-2.0
#include "royong/manager/slice.hpp"

#include <algorithm>  // for std::clamp
#include <cstdint>    // for INT64_MAX

#include "royong/error.hpp"

namespace royong::inline v0::detail {

SlicePositions resolve_slice(const Slice& slice, std::size_t size) {
  if (slice.step == 0) throw UsageError("cannot take a slice: its step is 0");
  const auto length = static_cast<std::int64_t>(size);
  const bool forwards = slice.step > 0;
  // Positions before the first and behind the last one stand for "outside", on the side where steps end or begin.
  const std::int64_t lowest = forwards ? 0 : -1;
  const std::int64_t highest = forwards ? length : length - 1;
  const auto place = [&](std::optional<std::int64_t> position, std::int64_t missing) {
    if (!position) return missing;
    // A very negative position plus the length cannot overflow: their signs differ.
    return std::clamp(*position < 0 ? *position + length : *position, lowest, highest);
  };
  const std::int64_t start = place(slice.start, forwards ? lowest : highest);
  const std::int64_t stop = place(slice.stop, forwards ? highest : lowest);
  SlicePositions positions{.first = start, .step = slice.step, .count = 0};
  const std::int64_t way = forwards ? stop - start : start - stop;
  if (way <= 0) return positions;
  // The smallest step has no positive counterpart; it is longer than any way.
  const std::uint64_t stride = forwards ? static_cast<std::uint64_t>(slice.step)
                                        : std::uint64_t{0} - static_cast<std::uint64_t>(slice.step);
  positions.count = static_cast<std::size_t>((static_cast<std::uint64_t>(way) - 1) / stride + 1);
  return positions;
}

}  // namespace royong::inline v0::detail
