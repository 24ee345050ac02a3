// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief May a type lie in memory that processes share.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <type_traits>  // for std::is_trivially_copyable_v

#include "royong/detail/check.hpp"

namespace royong::inline v0::detail {

/// Every process maps the arena at a page's beginning, and where is its own affair: no more is the same everywhere.
inline constexpr std::size_t largest_alignment = 4096;

template <class T>
consteval bool find_flat();

/// Whether every byte of `T` means the same in every process: trivially copyable, and no address of data or code inside.
template <class T>
inline constexpr bool is_flat = find_flat<std::remove_cv_t<T>>();

template <class... Ts, bool... BitFields>
consteval bool all_flat(MemberList<Member<Ts, BitFields>...>) {
  return (is_flat<Ts> && ...);
}
template <class... Ts>
consteval bool all_flat(Types<Ts...>) {
  return (is_flat<Ts> && ...);
}

template <class T>
consteval bool find_flat() {
  constexpr Shape s = shape<T>;
  if constexpr (s == Shape::boolean || s == Shape::number || s == Shape::enumeration ||
                s == Shape::calendar || s == Shape::bitset || s == Shape::stateless) {
    return std::is_trivially_copyable_v<T>;
  } else if constexpr (!std::is_trivially_copyable_v<T>) {
    return false;
  } else if constexpr (s == Shape::aggregate) {
    if constexpr (VerdictOn<T>::fine) {
      return all_flat(MembersOf<T>{});
    } else {
      return false;
    }
  } else if constexpr (s == Shape::array || s == Shape::optional || s == Shape::variant ||
                       s == Shape::product || s == Shape::complex || s == Shape::duration ||
                       s == Shape::time_point) {
    return all_flat(typename PartsOf<T>::type{});
  } else {
    return false;
  }
}

/// Refuses with one readable error what may not lie in shared memory.
template <class T>
consteval bool require_flat() {
  if constexpr (require_transferable<T>()) {
    static_assert(
        is_flat<T>,
        "royong: shared memory holds only trivially copyable types without addresses inside "
        "(numbers, enums, std::array, structs of those): keep a std::string, a container or a "
        "handle in a Manager, or send it through a Queue");
    static_assert(alignof(T) <= largest_alignment,
                  "royong: shared memory is aligned to a page of 4096 bytes at the most");
    static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
                  "royong: shared memory holds values that are neither const nor volatile");
    return is_flat<T>;
  } else {
    return false;
  }
}

}  // namespace royong::inline v0::detail
