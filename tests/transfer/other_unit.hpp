// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A second translation unit with a function of the same name.
 */
#pragma once

#include "royong/detail/archive.hpp"

namespace royong_test {

/// Writes a call of this unit's own `which()`, which returns 2.
void write_call_of_other_unit(royong::detail::Writer& out);

}  // namespace royong_test
