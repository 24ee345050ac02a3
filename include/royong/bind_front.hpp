// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief bind_front: a function together with its first arguments, as a value that can travel.
 */
#pragma once

#include <tuple>        // for std::tuple
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward, std::index_sequence_for

#include "royong/detail/call_check.hpp"

namespace royong::inline v0 {

namespace detail {

/// How a bound function is called: `Function` and `Bound` with the const and the reference of the
/// object that holds them.
template <class Function, class Indices, class... Bound>
struct BoundInvocation;
template <class Function, std::size_t... I, class... Bound>
struct BoundInvocation<Function, std::index_sequence<I...>, Bound...> {
  template <std::size_t J>
  using Parameter = ParameterAt<std::remove_cvref_t<Function>, J>;

  template <class... Args>
  static constexpr bool possible =
      std::is_invocable_v<Function, typename PassedType<Parameter<I>, Bound>::type..., Args...>;

  template <class Tuple, class... Args>
  static decltype(auto) call(Function&& function, Tuple&& bound, Args&&... args) {
    return std::forward<Function>(function)(
        pass<Parameter<I>>(std::get<I>(std::forward<Tuple>(bound)))...,
        std::forward<Args>(args)...);
  }
};

/// What bind_front returns. An aggregate, so that it travels as one.
template <class F, class... Bound>
struct BoundFunction {
  using Indices = std::index_sequence_for<Bound...>;

  F function;
  std::tuple<Bound...> bound;

  /// Calls with the bound values and `args`, as often as wanted.
  template <class... Args, class How = BoundInvocation<const F&, Indices, const Bound&...>>
    requires(How::template possible<Args...>)
  decltype(auto) operator()(Args&&... args) const& {
    return How::call(function, bound, std::forward<Args>(args)...);
  }
  template <class... Args, class How = BoundInvocation<F&, Indices, Bound&...>>
    requires(How::template possible<Args...>)
  decltype(auto) operator()(Args&&... args) & {
    return How::call(function, bound, std::forward<Args>(args)...);
  }
  /// Calls once: the bound values are moved into the call.
  template <class... Args, class How = BoundInvocation<F&&, Indices, Bound&&...>>
    requires(How::template possible<Args...>)
  decltype(auto) operator()(Args&&... args) && {
    return How::call(std::move(function), std::move(bound), std::forward<Args>(args)...);
  }
};

template <class F, class... Bound>
struct ParametersOf<BoundFunction<F, Bound...>> {
  using type = typename WithoutFirst<sizeof...(Bound), Parameters<F>>::type;
};

}  // namespace detail

/** @brief Binds the first arguments of a function, so that the whole can be sent to another
 *  process.
 *
 *  What a lambda with captures would be, in a form that can be checked: each value is stored by
 *  value, as its parameter says (for
 *  a `std::string_view` parameter a std::string, for a string literal too). `std::bind_front` hides
 *  its members and cannot travel.
 *
 *  @param f     a function pointer, a lambda without captures, a function object that is
 *    transferable, or another bind_front
 *  @param bound values for the first parameters
 *  @return a function object; it may be called in this process as well, from any number of threads
 *          as far as `f` allows
 *
 *      double scaled(double factor, double x) { return factor * x; }
 *      std::vector<double> doubled = pool.map(royong::bind_front(scaled, 2.0), numbers);
 */
template <class F, class... Bound>
auto bind_front(F&& f, Bound&&... bound) {
  using Function = std::decay_t<F>;
  constexpr detail::CallReason reason = detail::CallCheck<Function, Bound&&...>::find_first();
  if constexpr (detail::CallRefusal<reason, Function>::passed) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return detail::BoundFunction<Function,
                                   detail::Stored<detail::ParameterAt<Function, I>, Bound&&>...>{
          std::forward<F>(f),
          {detail::store<detail::ParameterAt<Function, I>>(std::forward<Bound>(bound))...}};
    }(std::index_sequence_for<Bound...>());
  }
}

}  // namespace royong::inline v0
