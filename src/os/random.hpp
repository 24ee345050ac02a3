// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Random numbers that nobody can guess: the kernel's, which have no state that a fork would copy.
 */
#pragma once

#include <array>    // for std::array
#include <cstddef>  // for std::byte, std::size_t
#include <span>     // for std::span

namespace royong::inline v0::os {

/// @throws std::system_error
void fill_random(std::span<std::byte> bytes);

template <std::size_t N>
std::array<std::byte, N> random_bytes() {
  std::array<std::byte, N> bytes;
  fill_random(bytes);
  return bytes;
}

}  // namespace royong::inline v0::os
