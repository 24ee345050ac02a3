// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief May a call cross a process boundary, and if not, what helps.
 */
#pragma once

#include "royong/detail/parameters.hpp"

namespace royong::inline v0::detail {

/// Why a call is refused though its callable and its arguments may travel.
enum class CallReason {
  none,
  too_few,
  too_many,
  reference_parameter,
  mutable_view,
  not_convertible,
  not_callable
};

template <CallReason R, class F>
struct CallRefusal {
  static constexpr bool passed = R == CallReason::none;
  static_assert(R != CallReason::too_few,
                "royong: too few arguments for this function: pass one for each parameter "
                "(defaults are not seen through a "
                "function's type), or wrap the call in a lambda without captures");
  static_assert(R != CallReason::too_many, "royong: too many arguments for this function");
  static_assert(R != CallReason::reference_parameter,
                "royong: a parameter T& cannot refer to an object of another process: take const "
                "T& or T and return the "
                "result, or share the object as royong::Value, Array or a Manager proxy");
  static_assert(R != CallReason::mutable_view,
                "royong: a view parameter must be std::string_view or std::span<const T> (T not "
                "bool): the worker sees a "
                "copy; to write into shared memory take a royong::Array or RawArray");
  static_assert(
      R != CallReason::not_convertible,
      "royong: an argument does not convert to the type of its parameter (std::move what can "
      "only be moved)");
  static_assert(
      R != CallReason::not_callable,
      "royong: the function cannot be called with these arguments as values of their own");
};

template <class P, class A>
consteval CallReason check_argument() {
  if constexpr (std::is_same_v<P, Deduced>) {
    return CallReason::none;
  } else if constexpr (is_view<P>) {
    if constexpr (!OwnableView<std::remove_cvref_t<P>>) {
      return CallReason::mutable_view;
    } else {
      return std::is_convertible_v<A, std::remove_cvref_t<P>> ? CallReason::none
                                                              : CallReason::not_convertible;
    }
  } else if constexpr (std::is_lvalue_reference_v<P> &&
                       !std::is_const_v<std::remove_reference_t<P>>) {
    return CallReason::reference_parameter;
  } else {
    return std::is_convertible_v<A, std::remove_cvref_t<P>> ? CallReason::none
                                                            : CallReason::not_convertible;
  }
}

/// Whether the parameters from number `From` on need no argument.
template <class F, std::size_t From, std::size_t End>
consteval bool rest_is_worker_side() {
  if constexpr (From >= End) {
    return true;
  } else {
    return is_worker_side<ParameterAt<F, From>> && rest_is_worker_side<F, From + 1, End>();
  }
}

template <class F, class... A>
struct CallCheck {
  static constexpr std::size_t parameters = parameter_count<Parameters<F>>;
  static constexpr bool generic = std::is_same_v<Parameters<F>, Deduced>;

  template <std::size_t... I>
  static consteval CallReason arguments(std::index_sequence<I...>) {
    CallReason reason = CallReason::none;
    static_cast<void>(
        (((reason = check_argument<ParameterAt<F, I>, A>()) == CallReason::none) && ...));
    return reason;
  }

  /// Whether the arguments fit the first parameters.
  static consteval CallReason find_first() {
    if constexpr (sizeof...(A) > parameters) {
      return CallReason::too_many;
    } else {
      return arguments(std::index_sequence_for<A...>());
    }
  }

  /// Whether the arguments fit all parameters but those that are made in the worker.
  static consteval CallReason find() {
    if constexpr (generic) {
      return CallReason::none;
    } else if constexpr (!rest_is_worker_side<F, sizeof...(A), parameters>()) {
      return CallReason::too_few;
    } else {
      return find_first();
    }
  }
};

template <class F, class Indices, class... A>
struct StoredList;
template <class F, std::size_t... I, class... A>
struct StoredList<F, std::index_sequence<I...>, A...> {
  using tuple = std::tuple<Stored<ParameterAt<F, I>, A>...>;
  using types = Types<Stored<ParameterAt<F, I>, A>...>;
};

/// What travels for a call `f(args...)`: a tuple of values. `A` are the arguments' types as of
/// `A&&... args`.
template <class F, class... A>
using StoredArgs = typename StoredList<F, std::index_sequence_for<A...>, A&&...>::tuple;

/// The verdict on everything that travels: the callable, then the arguments.
template <class F, class... A>
consteval auto check_travellers() {
  using Values = typename StoredList<F, std::index_sequence_for<A...>, A&&...>::types;
  return check_type<F>() | check_all(Values{}, Types<>{});
}

/// Refuses with a readable error a call whose callable or arguments cannot travel.
template <class F, class... A>
consteval bool require_arguments() {
  using OnF = VerdictOn<F>;
  if constexpr (!Refusal<OnF::reason, typename OnF::offender>::passed) {
    return false;
  } else if constexpr (!CallRefusal<CallCheck<F, A&&...>::find(), F>::passed) {
    return false;
  } else {
    using OnAll = decltype(check_travellers<F, A...>());
    return Refusal<OnAll::reason, typename OnAll::offender>::passed;
  }
}

}  // namespace royong::inline v0::detail
