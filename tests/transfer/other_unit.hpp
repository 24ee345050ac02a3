// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A second translation unit, with a function of the same name, and with types that it spells in its own way.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <vector>   // for std::vector

#include "royong/detail/archive.hpp"

namespace royong_test {

/// Writes a call of this unit's own `which()`, which returns 2.
void write_call_of_other_unit(royong::detail::Writer& out);

/// The hashes of the types in `type_hash_test.cpp`, as this unit computes them.
std::vector<std::uint64_t> hashes_of_other_unit();

}  // namespace royong_test
