// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Which arguments may be temporaries where the result is awaited: see royong/detail/await.hpp.
 */
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>

#include <type_traits>  // for std::is_aggregate_v

#include "royong/future.hpp"

namespace royong::inline v0::asio::detail {

namespace net = boost::asio;

/// What an initiating function returns when its caller is going to write co_await before it.
template <class T>
inline constexpr bool is_awaited = net::is_deferred<T>::value;
template <class T, class Executor>
inline constexpr bool is_awaited<net::awaitable<T, Executor>> = true;

/// A forwarded argument, `A&&`, that a faulty compiler would destroy twice: a temporary that has something to destroy and
/// whose constructors the compiler itself makes. A lambda with captures is one that no trait finds, a callable (`Call`) that
/// is no aggregate may be one.
template <class A, bool Call>
inline constexpr bool is_fragile =
    !std::is_lvalue_reference_v<A> && std::is_class_v<std::remove_cvref_t<A>> &&
    !std::is_trivially_destructible_v<std::remove_cvref_t<A>> &&
    (Call || std::is_aggregate_v<std::remove_cvref_t<A>>);

template <class Result, class F, class... A>
consteval bool require_named() {
  constexpr bool fine = !ROYONG_AWAITS_NAMED_FUTURES_ONLY || !is_awaited<Result> ||
                        !(is_fragile<F, true> || ... || is_fragile<A, false>);
  static_assert(fine,
                "royong: GCC before version 13 destroys temporaries of a co_await expression "
                "twice: give the options, the "
                "callable with bound values, and aggregates among the arguments a name first");
  return fine;
}

}  // namespace royong::inline v0::asio::detail
