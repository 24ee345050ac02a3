// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Keyed hashes and comparisons that tell nothing by their time: all of it OpenSSL's.
 */
#pragma once

#include <array>    // for std::array
#include <cstddef>  // for std::byte
#include <span>     // for std::span
#include <string>   // for std::string

namespace royong::inline v0::channel {

using Digest = std::array<std::byte, 32>;

/// HMAC-SHA256 of the parts, one behind the other.
Digest hmac(std::string_view key, std::initializer_list<std::span<const std::byte>> parts);

/// Whether they are equal, in a time that depends on nothing but the length.
bool equal_secrets(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

std::string hexadecimal(std::span<const std::byte> bytes);

}  // namespace royong::inline v0::channel
