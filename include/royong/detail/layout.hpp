// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What is known of a type's bytes at compile time: may they be copied as they are, and how
 *  few can there be.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <limits>   // for std::numeric_limits
#include <utility>  // for std::tuple_size

#include "royong/detail/check.hpp"

namespace royong::inline v0::detail {

template <class T>
consteval bool find_plain();

/** @brief Whether the bytes of `T` travel as they lie in memory.
 *
 *  That is: trivially copyable, no pointer inside, every bit pattern a value (so no bool), and no
 *  padding (so that no
 *  leftovers of the stack leak into a message). Found member by member, never by
 *  `is_trivially_copyable` alone, which a raw pointer satisfies too.
 */
template <class T>
inline constexpr bool is_plain = find_plain<T>();

template <class Whole, class... Ts, bool... BitFields>
consteval bool all_plain(MemberList<Member<Ts, BitFields>...>) {
  if constexpr ((is_plain<std::remove_cv_t<Ts>> && ...)) {
    return (std::size_t{0} + ... + sizeof(Ts)) == sizeof(Whole);
  } else {
    return false;
  }
}

template <class T>
consteval bool find_plain() {
  constexpr Shape s = shape<T>;
  if constexpr (s == Shape::number) {
    return !std::is_same_v<T, long double>;  // ten bytes of value, six of padding
  } else if constexpr (s == Shape::enumeration) {
    // Of an enumeration without fixed type any value too: nothing tells its range, and compilers keep
    // all bits of it (unless -fstrict-enums).
    return !std::is_same_v<std::underlying_type_t<T>, bool>;
  } else if constexpr (!std::is_trivially_copyable_v<T>) {
    return false;
  } else if constexpr (s == Shape::calendar) {
    return true;
  } else if constexpr (s == Shape::complex) {
    return is_plain<typename T::value_type> && sizeof(T) == 2 * sizeof(typename T::value_type);
  } else if constexpr (s == Shape::duration || s == Shape::time_point) {
    return is_plain<typename T::rep> && sizeof(T) == sizeof(typename T::rep);
  } else if constexpr (s == Shape::array) {
    return is_plain<typename T::value_type> && !std::is_empty_v<T> && std::tuple_size<T>::value > 0;
  } else if constexpr (s == Shape::aggregate) {
    if constexpr (VerdictOn<T>::fine) {
      return all_plain<T>(MembersOf<T>{});
    } else {
      return false;
    }
  } else {
    return false;
  }
}

/// Bytes of value in a long double; the rest of it is padding.
inline constexpr std::size_t long_double_bytes =
    std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);

template <class T>
consteval std::size_t find_min_size();

/// The fewest bytes that a value of `T` is written as: what an announced number of elements is
/// checked against.
template <class T>
inline constexpr std::size_t min_size = find_min_size<T>();

template <class... Ts, bool... BitFields>
consteval std::size_t sum_of_min_sizes(MemberList<Member<Ts, BitFields>...>) {
  return (std::size_t{0} + ... + min_size<std::remove_cv_t<Ts>>);
}
template <class... Ts>
consteval std::size_t sum_of_min_sizes(Types<Ts...>) {
  return (std::size_t{0} + ... + min_size<Ts>);
}

template <class T>
consteval std::size_t find_min_size() {
  constexpr Shape s = shape<T>;
  if constexpr (is_plain<T>) {
    return sizeof(T);
  } else if constexpr (s == Shape::number) {
    return long_double_bytes;
  } else if constexpr (s == Shape::serializable || s == Shape::stateless) {
    return 0;
  } else if constexpr (s == Shape::aggregate) {
    return sum_of_min_sizes(MembersOf<T>{});
  } else if constexpr (s == Shape::product || s == Shape::duration || s == Shape::time_point) {
    return sum_of_min_sizes(typename PartsOf<T>::type{});
  } else if constexpr (s == Shape::array) {
    return std::tuple_size<T>::value * min_size<typename T::value_type>;
  } else if constexpr (s == Shape::complex) {
    return 2 * min_size<typename T::value_type>;
  } else if constexpr (s == Shape::bitset) {
    return (T{}.size() + 7) / 8;
  } else if constexpr (s == Shape::function_pointer) {
    return 8;
  } else if constexpr (s == Shape::handle) {
    return 16;
  } else {
    return 1;  // a flag, an index or the first byte of a count
  }
}

}  // namespace royong::inline v0::detail
