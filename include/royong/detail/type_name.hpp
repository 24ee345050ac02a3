// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The name of a type at compile time.
 *
 *  Templates of the standard library are recognised by name, so that their headers need not be
 *  included.
 */
#pragma once

#include <string_view>  // for std::string_view

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// The name of `T` as the compiler writes it. Not an identity: two types in anonymous namespaces
/// can share one.
template <class T>
consteval auto type_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... [with T = int]" or "... [T = int]"
  text.remove_prefix(text.find("T = ") + 4);
  text.remove_suffix(1);
  return text;
}

/// "vector" for `std::vector<int>` and "std::", whatever inline namespace it lies in; empty for what
/// is in another namespace.
template <class T>
consteval auto name_in(std::string_view space) {
  std::string_view name = type_name<T>();
  if (!name.starts_with(space)) return std::string_view{};
  name = name.substr(0, name.find('<'));
  if (name.find('(') != std::string_view::npos) return std::string_view{};  // local to a function
  return name.substr(name.rfind(':') + 1);
}

template <class T>
consteval auto std_name() {
  return name_in<T>("std::");
}

}  // namespace royong::inline v0::detail
