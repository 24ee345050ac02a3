// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Whether a type can really be copied.
 */
#pragma once

#include <type_traits>  // for std::is_copy_constructible_v

#include "royong/detail/check.hpp"

namespace royong::inline v0::detail {

template <class T, class... Seen>
consteval bool find_copyable();

template <class... Ts, class... Seen>
consteval bool all_copyable(Types<Ts...>, Types<Seen...>) {
  return (find_copyable<std::remove_cv_t<Ts>, Seen...>() && ...);
}
template <class... Ts, bool... BitFields, class... Seen>
consteval bool all_copyable(MemberList<Member<Ts, BitFields>...>, Types<Seen...> seen) {
  return all_copyable(Types<Ts...>{}, seen);
}

template <class T, class... Seen>
consteval bool find_copyable() {
  if constexpr ((std::is_same_v<T, Seen> || ...)) {
    return true;
  } else if constexpr (!std::is_copy_constructible_v<T>) {
    return false;
  } else if constexpr (shape<T> != Shape::aggregate) {
    return all_copyable(typename PartsOf<T>::type{}, Types<T, Seen...>{});
  } else if constexpr (VerdictOn<T>::fine) {
    return all_copyable(MembersOf<T>{}, Types<T, Seen...>{});
  } else {
    return true;  // nobody can look into it
  }
}

/** @brief Whether a copy of `T` compiles.
 *
 *  `is_copy_constructible` alone says yes to every container, also to a `vector<unique_ptr<int>>`: containers do not ask their elements.
 */
template <class T>
inline constexpr bool is_copyable = find_copyable<std::remove_cv_t<T>>();

}  // namespace royong::inline v0::detail
