// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Waits until something holds. There is no time limit but the watchdog's: tests assert no maximum times.
 */
#pragma once

#include <functional>  // for std::function

namespace royong_test {

/// Returns when the predicate holds. Between two looks it pauses, 50 us at first and 5 ms at last.
void eventually(const std::function<bool()>& predicate);

/// Likewise; looks again as soon as the descriptor is readable (or its end is reached), and every 5 ms.
void eventually(const std::function<bool()>& predicate, int descriptor);

}  // namespace royong_test
