// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the objects of a manager say when something is not there.
 */
#pragma once

#include <concepts>     // for std::convertible_to
#include <cstddef>      // for std::size_t
#include <cstdint>      // for std::int64_t
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <type_traits>  // for std::is_arithmetic_v

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// @throws std::out_of_range "cannot VERB: the key KEY is not there"; an empty key is not named
[[noreturn]] ROYONG_API void throw_no_key(std::string_view action, std::string_view key);
/// @throws std::out_of_range "cannot VERB: it is empty"
[[noreturn]] ROYONG_API void throw_nothing_there(std::string_view action);
/// @throws UsageError "cannot VERB: the value is not there"
[[noreturn]] ROYONG_API void throw_no_value(std::string_view action);
/// @throws UsageError with the text
[[noreturn]] ROYONG_API void throw_object_misuse(std::string_view text);

/// A key as an error's text shows it; empty where nobody knows how.
template <class K>
std::string key_text(const K& key) {
  if constexpr (std::convertible_to<const K&, std::string_view>) {
    return "'" + std::string(std::string_view(key)) + "'";
  } else if constexpr (std::is_same_v<K, bool> || std::is_same_v<K, char>) {
    return std::is_same_v<K, bool> ? (key ? "true" : "false") : std::string{'\'', char(key), '\''};
  } else if constexpr (std::is_arithmetic_v<K>) {
    return std::to_string(key);
  } else {
    return {};
  }
}

/// An index as Python counts, from the end when it is negative, as a position. @throws std::out_of_range
ROYONG_API std::size_t resolve_index(std::int64_t index, std::size_t size, std::string_view type);
/// Where `insert(index)` inserts: as Python, never outside.
ROYONG_API std::size_t resolve_insertion(std::int64_t index, std::size_t size) noexcept;

}  // namespace royong::inline v0::detail
