// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The members of an aggregate: how many there are, their types, and references to them.
 *
 *  Not Boost.PFR: version 1.81 under clang 19 does not compile for some move-only members, it takes
 *  a reference
 *  member for a value, and its own errors (base class, bit-field, array) come before any of ours.
 *  Here
 *  whatever is to be refused is found without an error, so that the one error a user reads is the
 *  readable one.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <type_traits>  // for std::is_base_of_v ...
#include <utility>      // for std::index_sequence

#include "royong/detail/member_names.hpp"

namespace royong::inline v0::detail {

/** @brief Converts to anything, as a value: also of a type that cannot be copied. Never defined, only asked about.
 *
 *  No copy is ever asked for. A copy constructor says yes too easily: that of a `vector<unique_ptr<int>>` is there, and
 *  clang compiles its body, which is an error, as soon as it is chosen.
 */
struct Any {
  template <class T>
  operator T() const&& noexcept;
};
template <std::size_t>
using AnyAt = Any;

/// Converts to a base class of `Derived` and to nothing else.
template <class Derived>
struct AnyBaseOf {
  template <class T>
    requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>)
  operator T() const noexcept;
};

/// Converts to nothing: what takes it takes everything (`std::any`).
struct Inert {};

/// Converts to any union and to nothing else.
struct AnyUnion {
  template <class T>
    requires std::is_union_v<T>
  operator T() const noexcept;
};

template <class T, class Indices>
inline constexpr bool takes_any = false;
template <class T, std::size_t... I>
inline constexpr bool takes_any<T, std::index_sequence<I...>> = requires { T{AnyAt<I>{}...}; };

/// Whether `T{...}` takes as many as `Before` initialisers, then one of type `Special`, then
/// `After` more.
template <class T, class Special, class Before, class After>
inline constexpr bool takes_special = false;
template <class T, class Special, std::size_t... B, std::size_t... A>
inline constexpr bool
    takes_special<T, Special, std::index_sequence<B...>, std::index_sequence<A...>> =
        requires { T{AnyAt<B>{}..., Special{}, AnyAt<A>{}...}; };

template <class T, class Before, class Inside, class After>
inline constexpr bool takes_nested = false;
template <class T, std::size_t... B, std::size_t... I, std::size_t... A>
inline constexpr bool takes_nested<T, std::index_sequence<B...>, std::index_sequence<I...>,
                                   std::index_sequence<A...>> =
    requires { T{AnyAt<B>{}..., {AnyAt<I>{}...}, AnyAt<A>{}...}; };

/// Every list of initialisers fails: a reference member that binds to no value.
inline constexpr std::size_t no_count = max_members + 3;

/** @brief How many initialisers `T{...}` takes at the most; anything above `max_members` is "too
 *  many".
 *
 *  That is the number of members, except that a C array counts once for each of its elements. A
 *  member without default makes
 *  every shorter list fail, so the lengths that fit are one range, and its end is the answer.
 */
template <class T, std::size_t Tried = 0, bool Fitted = false>
consteval std::size_t count_initialisers() {
  if constexpr (Tried > max_members + 1) {
    return Fitted ? Tried : no_count;
  } else if constexpr (takes_any<T, std::make_index_sequence<Tried>>) {
    return count_initialisers<T, Tried + 1, true>();
  } else if constexpr (Fitted) {
    return Tried - 1;
  } else {
    return count_initialisers<T, Tried + 1, false>();
  }
}

/// Whether initialiser number `At` of `Count` may be a `Special` for what it is, not because that
/// member takes everything.
template <class T, class Special, std::size_t Count, std::size_t At>
consteval bool is_special() {
  using Before = std::make_index_sequence<At>;
  using After = std::make_index_sequence<Count - At - 1>;
  if constexpr (takes_special<T, Special, Before, After>) {
    return !takes_special<T, Inert, Before, After>;
  } else {
    return false;
  }
}

template <class T, std::size_t... I>
consteval bool has_union(std::index_sequence<I...>) {
  return (is_special<T, AnyUnion, sizeof...(I), I>() || ...);
}

/// Whether `Length` initialisers from number `At` on are those of one C array: so many fit inside,
/// and no more outside than before.
template <class T, std::size_t Count, std::size_t At, std::size_t Length>
inline constexpr bool array_at =
    takes_nested<T, std::make_index_sequence<At>, std::make_index_sequence<Length>,
                 std::make_index_sequence<Count - At - Length>> &&
    !takes_nested<T, std::make_index_sequence<At>, std::make_index_sequence<Length>,
                  std::make_index_sequence<Count - At - Length + 1>>;

/// Looks for a C array at every place and of every length from two on; one of a single element
/// shows by its type.
template <class T, std::size_t Count, std::size_t At = 0, std::size_t Length = 2>
consteval bool has_array_somewhere() {
  if constexpr (At + 2 > Count) {
    return false;
  } else if constexpr (At + Length > Count) {
    return has_array_somewhere<T, Count, At + 1, 2>();
  } else if constexpr (array_at<T, Count, At, Length>) {
    return true;
  } else {
    return has_array_somewhere<T, Count, At, Length + 1>();
  }
}

/// Whether a C array of two or more elements is among the members.
template <class T, std::size_t Count>
consteval bool has_array() {
  if constexpr (Count < 2) {
    return false;
  } else if constexpr (MemberNames<Count>::template takes_braces<T>()) {
    return false;  // an array swallows one `{}` whole, so as many `{}` as initialisers fit only where no array is
  } else {
    return has_array_somewhere<T, Count>();
  }
}

/// What keeps an aggregate from being taken apart.
enum class Obstacle {
  none,
  too_many_members,
  base_class,
  union_member,
  array_member,
  reference_member
};

template <class T>
consteval Obstacle obstacle() {
  constexpr std::size_t count = count_initialisers<T>();
  if constexpr (count == 0) {
    return std::is_empty_v<T> ? Obstacle::none : Obstacle::union_member;
  } else if constexpr (count == no_count) {
    return Obstacle::reference_member;
  } else if constexpr (count > max_members) {
    return Obstacle::too_many_members;
  } else if constexpr (is_special<T, AnyBaseOf<T>, count, 0>()) {
    return Obstacle::base_class;
  } else if constexpr (has_union<T>(std::make_index_sequence<count>()) ||
                       takes_nested<
                           T, std::make_index_sequence<count>, std::index_sequence<0>,
                           std::index_sequence<>>) {  // g++ takes an anonymous union in braces only
    return Obstacle::union_member;
  } else if constexpr (has_array<T, count>()) {
    return Obstacle::array_member;
  } else {
    return Obstacle::none;
  }
}

/// The members of an aggregate without obstacle, as a list of `Member<declared type, is a
/// bit-field>`.
template <class T>
using MembersOf = decltype(MemberNames<count_initialisers<T>()>::template list<T>());

/// Calls `visit(member...)` with references to all members.
template <class T, class Visitor>
constexpr decltype(auto) visit_members(T& object, Visitor&& visit) {
  return MemberNames<count_initialisers<std::remove_const_t<T>>()>::visit(object, visit);
}

}  // namespace royong::inline v0::detail
