// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Counts the identifiers of C and C++ text, whatever else the text is.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wordcount {

/// Lets a map of strings be asked for a string_view.
struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

using Counts = std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>>;

/** @brief Adds the identifiers of `text` to `counts`.
 *
 *  Comments, string and character literals (raw strings too), numbers and keywords do not count; neither does a
 *  name of more than 1,024 characters, which no compiler need accept. Any bytes will do: a literal or a comment without end
 *  ends with its line or with the text.
 */
void count_identifiers(std::string_view text, Counts& counts);

}  // namespace wordcount
