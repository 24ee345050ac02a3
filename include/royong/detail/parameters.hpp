// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a callable's parameters say about the arguments that travel to it.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <string>       // for std::basic_string
#include <tuple>        // for std::tuple
#include <type_traits>  // for std::decay_t ...
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/detail/check.hpp"

namespace royong::inline v0::detail {

/// The parameter of a generic callable: its type is known only together with the argument.
struct Deduced {};

/// The parameter types of a callable as `Types<...>`, or `Deduced` where they depend on the
/// arguments.
template <class F>
struct ParametersOf;

template <class R, class... P>
Types<P...> parameters_of(R (*)(P...));
template <class R, class C, class... P>
Types<P...> parameters_of(R (C::*)(P...));
template <class R, class C, class... P>
Types<P...> parameters_of(R (C::*)(P...) const);
template <class R, class C, class... P>
Types<P...> parameters_of(R (C::*)(P...) &);
template <class R, class C, class... P>
Types<P...> parameters_of(R (C::*)(P...) const&);
template <class R, class C, class... P>
Types<P...> parameters_of(R (C::*)(P...) &&);

template <class F>
struct ParametersOf {
  using type = Deduced;
};
template <class F>
  requires(std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>)
struct ParametersOf<F> {
  using type = decltype(parameters_of(F{}));
};
template <class F>
  requires requires { &F::operator(); }
struct ParametersOf<F> {
  using type = decltype(parameters_of(&F::operator()));
};

template <class F>
using Parameters = typename ParametersOf<F>::type;

template <std::size_t I, class List>
struct FindParameter {
  using type = Deduced;
};
template <std::size_t I, class First, class... Rest>
struct FindParameter<I, Types<First, Rest...>> : FindParameter<I - 1, Types<Rest...>> {};
template <class First, class... Rest>
struct FindParameter<0, Types<First, Rest...>> {
  using type = First;
};

/// Parameter number I of a callable; `Deduced` where nothing is known of it.
template <class F, std::size_t I>
using ParameterAt = typename FindParameter<I, Parameters<F>>::type;

/// A parameter list without its first `N`.
template <std::size_t N, class List>
struct WithoutFirst {
  using type = List;
};
template <std::size_t N, class First, class... Rest>
  requires(N > 0)
struct WithoutFirst<N, Types<First, Rest...>> : WithoutFirst<N - 1, Types<Rest...>> {};

/// How many parameters are named; nothing is known of a generic callable.
template <class List>
inline constexpr std::size_t parameter_count = ~std::size_t{0};
template <class... P>
inline constexpr std::size_t parameter_count<Types<P...>> = sizeof...(P);

/** @brief Whether a parameter `T&` is made in the worker and so needs no argument.
 *
 *  True for the `Emitter` of map_reduce, which specialises it.
 */
template <class T>
inline constexpr bool is_worker_side_parameter = false;

template <class P>
inline constexpr bool is_worker_side = is_worker_side_parameter<std::remove_cvref_t<P>>;

/// Owns, in the worker, what a view parameter looks at.
template <class View>
struct OwnerOf;
template <template <class, class> class StringView, class C, class Traits>
struct OwnerOf<StringView<C, Traits>> {
  using type = std::basic_string<C, Traits>;
};
template <template <class, std::size_t> class Span, class T, std::size_t N>
struct OwnerOf<Span<const T, N>> {
  using type = std::vector<T>;
};

/// A view that the worker can be given: of const elements, and not of bool (whose vector is
/// packed).
template <class View>
concept OwnableView = requires { typename OwnerOf<View>::type; } &&
                      requires(typename OwnerOf<View>::type& owner) { owner.data(); };

template <class P>
inline constexpr bool is_view = shape<std::remove_cvref_t<P>> == Shape::view;

/// The type that travels for an argument `A` to a parameter `P`.
template <class P, class A>
struct StoredType {
  using type = std::remove_cvref_t<P>;
};
template <class P, class A>
  requires(is_view<P> && OwnableView<std::remove_cvref_t<P>>)
struct StoredType<P, A> {
  using type = typename OwnerOf<std::remove_cvref_t<P>>::type;
};
template <class A>
struct StoredType<Deduced, A> {
  using type = std::decay_t<A>;
};
template <std::size_t N>
struct StoredType<Deduced, const char (&)[N]> {
  using type = std::string;  // a string literal
};
template <class P, class A>
using Stored = typename StoredType<P, A>::type;

/// The value that travels for an argument.
template <class P, class A>
Stored<P, A&&> store(A&& argument) {
  if constexpr (is_view<P>) {
    const std::remove_cvref_t<P> view(std::forward<A>(argument));
    return {view.begin(), view.end()};
  } else if constexpr (std::is_arithmetic_v<Stored<P, A&&>> &&
                       std::is_arithmetic_v<std::remove_cvref_t<A>>) {
    // As in a call of the function; a warning here would not point at the caller.
    return static_cast<Stored<P, A&&>>(argument);
  } else {
    return std::forward<A>(argument);
  }
}

/// What a parameter `P` is given for a stored value; `S` is a reference to it.
template <class P, class S>
struct PassedType {
  using type = S;
};
template <class P, class S>
  requires is_view<P>
struct PassedType<P, S> {
  using type = std::remove_cvref_t<P>;
};
template <class P, class S>
  requires(std::is_rvalue_reference_v<P> && std::is_lvalue_reference_v<S> &&
           std::is_copy_constructible_v<std::remove_cvref_t<P>>)
struct PassedType<P, S> {
  using type = std::remove_cvref_t<P>;  // called more than once: each call gets a copy
};

/// Hands a stored value to a parameter `P`; an rvalue is moved from.
template <class P, class S>
typename PassedType<P, S&&>::type pass(S&& stored) {
  if constexpr (is_view<P>) {
    return std::remove_cvref_t<P>(stored.data(), stored.size());
  } else {
    return std::forward<S>(stored);
  }
}

}  // namespace royong::inline v0::detail
