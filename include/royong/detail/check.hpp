// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief May a type cross a process boundary, and if not, which part of it is to blame and what
 *  helps.
 */
#pragma once

#include "royong/detail/shape.hpp"

namespace royong::inline v0::detail {

/// Why a type is refused; the words are in `Refusal`.
enum class Reason {
  none,
  pointer,
  null_pointer,
  member_pointer,
  reference,
  c_array,
  view,
  reference_wrapper,
  function,
  shared_ptr,
  synchronisation,
  at_home,
  union_type,
  polymorphic,
  lambda,
  opaque,
  unique_ptr,
  stateful_comparator,
  no_default_constructor,
  not_movable,
  base_class,
  array_member,
  reference_member,
  bit_field,
  too_many_members,
};

/// The answer of a check: the reason, and the innermost type it holds for.
template <Reason R, class Offender>
struct Verdict {
  static constexpr Reason reason = R;
  using offender = Offender;
  static constexpr bool fine = R == Reason::none;
};
using Fine = Verdict<Reason::none, void>;

/// Joins two verdicts: the first refusal counts.
template <Reason R, class A, Reason S, class B>
consteval auto operator|(Verdict<R, A> first, Verdict<S, B> second) {
  if constexpr (R != Reason::none) {
    return first;
  } else {
    return second;
  }
}

template <class T, class... Seen>
consteval auto check_type();

template <class... Ts, class... Seen>
consteval auto check_all(Types<Ts...>, Types<Seen...>) {
  return (Fine{} | ... | check_type<Ts, Seen...>());
}

template <class T, bool BitField, class Whole, class... Seen>
consteval auto check_member() {
  if constexpr (BitField) {
    return Verdict<Reason::bit_field, Whole>{};
  } else if constexpr (std::is_reference_v<T>) {
    return Verdict<Reason::reference_member, Whole>{};
  } else if constexpr (std::is_array_v<T>) {
    return Verdict<Reason::array_member, Whole>{};
  } else {
    return check_type<std::remove_cv_t<T>, Seen...>();
  }
}

template <class Whole, class... Ts, bool... BitFields, class... Seen>
consteval auto check_members(MemberList<Member<Ts, BitFields>...>, Types<Seen...>) {
  return (Fine{} | ... | check_member<Ts, BitFields, Whole, Seen...>());
}

template <class T, class... Seen>
consteval auto check_aggregate() {
  constexpr Obstacle in_the_way = obstacle<T>();
  if constexpr (in_the_way == Obstacle::base_class) {
    return Verdict<Reason::base_class, T>{};
  } else if constexpr (in_the_way == Obstacle::array_member) {
    return Verdict<Reason::array_member, T>{};
  } else if constexpr (in_the_way == Obstacle::union_member) {
    return Verdict<Reason::union_type, T>{};
  } else if constexpr (in_the_way == Obstacle::reference_member) {
    return Verdict<Reason::reference_member, T>{};
  } else if constexpr (in_the_way == Obstacle::too_many_members) {
    return Verdict<Reason::too_many_members, T>{};
  } else {
    return check_members<T>(MembersOf<T>{},
                            Types<T, Seen...>{});  // T inside T is fine: that is what Seen is for
  }
}

/// Comparators, hashers and deleters do not travel: they are made anew, so they must have no state.
template <class T>
concept Stateless = std::is_empty_v<T> && std::is_default_constructible_v<T>;

template <class T>
consteval bool has_stateful_comparator() {
  if constexpr (requires { typename T::hasher; }) {
    return !Stateless<typename T::hasher> || !Stateless<typename T::key_equal>;
  } else {
    return !Stateless<typename T::key_compare>;
  }
}

template <class T>
consteval bool has_default_delete() {
  return std_name<typename T::deleter_type>() == "default_delete" &&
         !requires(T pointer) { pointer[0]; };  // unique_ptr<T[]> does not know its length
}

template <Shape S>
consteval Reason reason_of() {
  switch (S) {
    case Shape::pointer: return Reason::pointer;
    case Shape::null_pointer: return Reason::null_pointer;
    case Shape::member_pointer: return Reason::member_pointer;
    case Shape::reference: return Reason::reference;
    case Shape::c_array: return Reason::c_array;
    case Shape::view: return Reason::view;
    case Shape::reference_wrapper: return Reason::reference_wrapper;
    case Shape::function: return Reason::function;
    case Shape::shared_ptr: return Reason::shared_ptr;
    case Shape::synchronisation: return Reason::synchronisation;
    case Shape::at_home: return Reason::at_home;
    case Shape::union_type: return Reason::union_type;
    case Shape::polymorphic: return Reason::polymorphic;
    case Shape::lambda: return Reason::lambda;
    case Shape::opaque: return Reason::opaque;
    default: return Reason::none;
  }
}

/// The types whose values are written when a `T` is written, for shapes that are made of others.
template <class T, Shape S = shape<T>>
struct PartsOf {
  using type = Types<>;
};
template <class T>
struct PartsOf<T, Shape::sequence> {
  using type = Types<typename T::value_type>;
};
template <class T>
struct PartsOf<T, Shape::forward_list> : PartsOf<T, Shape::sequence> {};
template <class T>
struct PartsOf<T, Shape::array> : PartsOf<T, Shape::sequence> {};
template <class T>
struct PartsOf<T, Shape::optional> : PartsOf<T, Shape::sequence> {};
template <class T>
struct PartsOf<T, Shape::string> : PartsOf<T, Shape::sequence> {};
template <class T>
struct PartsOf<T, Shape::complex> : PartsOf<T, Shape::sequence> {};
template <class T>
struct PartsOf<T, Shape::set> {
  using type = Types<typename T::key_type>;
};
template <class T>
struct PartsOf<T, Shape::map> {
  using type = Types<typename T::key_type, typename T::mapped_type>;
};
template <class T>
struct PartsOf<T, Shape::unique_ptr> {
  using type = Types<typename T::element_type>;
};
template <class T>
struct PartsOf<T, Shape::duration> {
  using type = Types<typename T::rep>;
};
template <class T>
struct PartsOf<T, Shape::time_point> {
  using type = Types<typename T::rep>;
};
template <class... Ts>
Types<std::remove_cv_t<Ts>...> without_cv(Types<Ts...>);
template <class T>
struct PartsOf<T, Shape::product> {
  using type = decltype(without_cv(Arguments<T>{}));
};
template <class T>
struct PartsOf<T, Shape::variant> : PartsOf<T, Shape::product> {};

template <class T, class... Seen>
consteval auto check_type() {
  constexpr Shape s = shape<T>;
  if constexpr ((std::is_same_v<T, Seen> || ...)) {
    return Fine{};
  } else if constexpr (reason_of<s>() != Reason::none) {
    return Verdict<reason_of<s>(), T>{};
  } else if constexpr (s == Shape::aggregate) {
    return check_aggregate<T, Seen...>();
  } else if constexpr (s == Shape::serializable) {
    if constexpr (!std::is_default_constructible_v<T>) {
      return Verdict<Reason::no_default_constructor, T>{};
    } else if constexpr (!std::is_move_constructible_v<T>) {
      return Verdict<Reason::not_movable, T>{};
    } else {
      return Fine{};
    }
  } else if constexpr (s == Shape::unique_ptr) {
    if constexpr (!has_default_delete<T>()) {
      return Verdict<Reason::unique_ptr, T>{};
    } else {
      return check_type<std::remove_cv_t<typename T::element_type>, Seen...>();
    }
  } else if constexpr (s == Shape::set || s == Shape::map) {
    if constexpr (has_stateful_comparator<T>()) {
      return Verdict<Reason::stateful_comparator, T>{};
    } else {
      return check_all(typename PartsOf<T>::type{}, Types<Seen...>{});
    }
  } else {
    return check_all(typename PartsOf<T>::type{}, Types<Seen...>{});
  }
}

/// The verdict on `T`, with const and volatile ignored.
template <class T>
using VerdictOn = decltype(check_type<std::remove_cv_t<T>>());

/** @brief Refuses with the one error message that belongs to the reason.
 *
 *  The compiler's notes below the error name `Offender` (the innermost type to blame) and the call
 *  that wanted to send it.
 */
template <Reason R, class Offender>
struct Refusal {
  static constexpr bool passed = R == Reason::none;
  static_assert(
      R != Reason::pointer,
      "royong: a raw pointer cannot cross a process boundary (it means nothing in another "
      "address space): pass a value, std::string, std::vector or std::unique_ptr, or put the "
      "data into a royong::Array or RawArray and pass that");
  static_assert(R != Reason::null_pointer,
                "royong: nullptr_t cannot cross a process boundary: pass an empty std::optional or "
                "std::unique_ptr");
  static_assert(
      R != Reason::member_pointer,
      "royong: a pointer to member cannot cross a process boundary: pass a lambda without "
      "captures that uses the member");
  static_assert(R != Reason::reference,
                "royong: a reference cannot cross a process boundary: pass by value, or share the "
                "object as royong::Value, Array or a Manager proxy");
  static_assert(R != Reason::c_array,
                "royong: a C array cannot cross a process boundary: use std::array or std::vector");
  static_assert(
      R != Reason::view,
      "royong: a view (std::string_view, std::span) cannot cross a process boundary, what it "
      "looks at stays behind: pass std::string or std::vector");
  static_assert(R != Reason::reference_wrapper,
                "royong: std::reference_wrapper cannot cross a process boundary: pass by value, or "
                "share the object as royong::Value, Array or a Manager proxy");
  static_assert(
      R != Reason::function,
      "royong: std::function cannot cross a process boundary (nobody can see what it holds): "
      "pass the function, a lambda without captures, royong::bind_front or a struct with "
      "operator()");
  static_assert(R != Reason::shared_ptr,
                "royong: std::shared_ptr cannot cross a process boundary (ownership is not shared "
                "between address spaces): pass std::unique_ptr or a value, or use a Manager proxy");
  static_assert(
      R != Reason::synchronisation,
      "royong: mutexes, atomics, threads and futures of std work inside one process only: use "
      "royong::Lock, Condition, Event, Value or Future");
  static_assert(R != Reason::at_home,
                "royong: a Process, pool, executor, Listener, Manager or Future is at home in the "
                "process that made it: pass what it gives (a result, a Connection, a Manager "
                "proxy), or make another one there");
  static_assert(
      R != Reason::union_type,
      "royong: a union cannot cross a process boundary (nobody knows which member is alive): "
      "use std::variant, or give the class `template <class Archive> void serialize(Archive&)`");
  static_assert(
      R != Reason::polymorphic,
      "royong: a class with virtual functions cannot cross a process boundary as it is: give "
      "it `template <class Archive> void serialize(Archive&)`, or send a std::variant of plain "
      "structs");
  static_assert(
      R != Reason::lambda,
      "royong: a lambda with captures cannot cross a process boundary (a captured value and a "
      "captured reference look alike): use royong::bind_front or a struct with operator()");
  static_assert(
      R != Reason::opaque,
      "royong: this class cannot cross a process boundary, its members are not accessible: "
      "give it a public `template <class Archive> void serialize(Archive& ar) { ar(a, b); }`, or "
      "make it an aggregate");
  static_assert(
      R != Reason::unique_ptr,
      "royong: only std::unique_ptr to one object with the default deleter can cross a process "
      "boundary: use std::vector for an array");
  static_assert(R != Reason::stateful_comparator,
                "royong: a container whose comparator or hasher has state cannot cross a process "
                "boundary: use an empty struct with operator()");
  static_assert(
      R != Reason::no_default_constructor,
      "royong: a class with serialize() needs a default constructor to be rebuilt in another "
      "process: add one");
  static_assert(
      R != Reason::not_movable,
      "royong: a class with serialize() must be movable to be rebuilt in another process: add "
      "a move constructor");
  static_assert(
      R != Reason::base_class,
      "royong: an aggregate with a base class cannot be taken apart: make the base a member, "
      "or add `template <class Archive> void serialize(Archive&)`");
  static_assert(
      R != Reason::array_member,
      "royong: an aggregate with a C array member cannot be taken apart: use std::array, or "
      "add `template <class Archive> void serialize(Archive&)`");
  static_assert(
      R != Reason::reference_member,
      "royong: a reference member cannot cross a process boundary: make it a value, or share "
      "the object as royong::Value, Array or a Manager proxy");
  static_assert(
      R != Reason::bit_field,
      "royong: an aggregate with a bit-field cannot be taken apart: use whole members, or add "
      "`template <class Archive> void serialize(Archive&)`");
  static_assert(
      R != Reason::too_many_members,
      "royong: an aggregate with more than 64 members cannot be taken apart: group them into "
      "structs, or add `template <class Archive> void serialize(Archive&)`");
};

/// Whether `T` may cross. Refuses with a readable error if not: to be used in `if constexpr` around
/// whatever would fail as well.
template <class T>
consteval bool require_transferable() {
  using V = VerdictOn<T>;
  return Refusal<V::reason, typename V::offender>::passed;
}

}  // namespace royong::inline v0::detail
