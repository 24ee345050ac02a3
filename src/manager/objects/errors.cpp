// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/errors.hpp"

#include <algorithm>  // for std::clamp
#include <stdexcept>  // for std::out_of_range

#include "royong/error.hpp"

namespace royong::inline v0::detail {

void throw_no_key(std::string_view action, std::string_view key) {
  std::string text = "cannot " + std::string(action) + ": the key ";
  if (!key.empty()) text += std::string(key) + " ";
  throw std::out_of_range(text + "is not there");
}

void throw_nothing_there(std::string_view action) {
  throw std::out_of_range("cannot " + std::string(action) + ": it is empty");
}

void throw_no_value(std::string_view action) {
  throw UsageError("cannot " + std::string(action) + ": the value is not there");
}

void throw_object_misuse(std::string_view text) { throw UsageError(std::string(text)); }

std::size_t resolve_index(std::int64_t index, std::size_t size, std::string_view type) {
  const auto length = static_cast<std::int64_t>(size);
  const std::int64_t position = index < 0 ? index + length : index;
  if (position < 0 || position >= length) {
    throw std::out_of_range("index " + std::to_string(index) + " is outside a " +
                            std::string(type) + " of " + std::to_string(size));
  }
  return static_cast<std::size_t>(position);
}

std::size_t resolve_insertion(std::int64_t index, std::size_t size) noexcept {
  const auto length = static_cast<std::int64_t>(size);
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(index < 0 ? index + length : index, 0, length));
}

}  // namespace royong::inline v0::detail
