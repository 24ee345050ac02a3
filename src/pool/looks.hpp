// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How long those who wait for a pool's rings look before they sleep.
 *
 *  A sleep and a wake-up across cores take some 80 us. To look for shorter than that before sleeping makes a wait flip between fast and slow; so the choice is between about that and next to
 *  nothing, by what the last sleep was good for.
 */
#pragma once

#include <chrono>  // for std::chrono::microseconds

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

inline constexpr int many_looks = 600;
inline constexpr int few_looks = 12;
/// A sleep that was no longer than that would rather not have been one.
inline constexpr std::chrono::microseconds short_sleep{300};

}  // namespace royong::inline v0::detail
