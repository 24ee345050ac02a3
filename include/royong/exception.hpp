// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief register_exception: exceptions of the program's own that come back from other processes
 *  as themselves.
 */
#pragma once

#include <exception>    // for std::exception
#include <type_traits>  // for std::decay_t
#include <typeinfo>     // for typeid
#include <utility>      // for std::move

#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0 {

namespace detail {

template <class E, class Codec>
struct ExceptionEntry : RegisteredException {
  using State =
      std::decay_t<decltype(std::declval<const Codec&>().encode(std::declval<const E&>()))>;

  Codec codec;

  explicit ExceptionEntry(Codec c)
      : RegisteredException{typeid(E).name(), &save_it, &load_it}, codec(std::move(c)) {}

  static bool save_it(const RegisteredException& entry, const std::exception* known,
                      const std::exception_ptr& error, Writer& out) {
    const auto write = [&](const E& e) {
      encode(out, static_cast<const ExceptionEntry&>(entry).codec.encode(e));
      return true;
    };
    if constexpr (std::is_base_of_v<std::exception, E>) {
      const auto* exact = known != nullptr ? dynamic_cast<const E*>(known) : nullptr;
      return exact != nullptr && write(*exact);
    } else {
      try {
        std::rethrow_exception(error);
      } catch (const E& e) {
        return write(e);
      } catch (...) {
        return false;
      }
    }
  }

  static std::exception_ptr load_it(const RegisteredException& entry, Reader& in,
                                    const std::exception_ptr& cause) {
    return attach_cause<E>(static_cast<const ExceptionEntry&>(entry).codec.decode(in.read<State>()),
                           cause);
  }
};

template <class Encode, class Decode>
struct TwoFunctionCodec {
  Encode encode;
  Decode decode;
};

/// Whether another process can make the codec out of nothing.
template <class Codec>
inline constexpr bool is_stateless_codec =
    std::is_empty_v<Codec> && std::is_default_constructible_v<Codec>;
template <class Encode, class Decode>
inline constexpr bool is_stateless_codec<TwoFunctionCodec<Encode, Decode>> =
    is_stateless_codec<Encode> && is_stateless_codec<Decode>;

template <class E, class Codec>
void install_exception() {
  add_registered_exception(*new ExceptionEntry<E, Codec>(Codec{}));  // for the life of the process
}

}  // namespace detail

/** @brief Makes an exception type of the program known, so that it comes back from another process
 *  as itself.
 *
 *  Without it the caller gets the nearest standard base. One call is enough, before the first task or
 *  later: every process of the program learns of it. A codec with state (function pointers, members)
 *  is known only to this process, its forks, and processes that come to the same call by
 *  themselves: in `main` before `init`, or in a static initialiser. Thread-safe. Types that derive from `E` are sent as `E`, unless they are
 *  registered after it.
 *
 *  @tparam E     any class that can be copied
 *  @param  codec an object with `encode(const E&)`, which returns something Transferable, and
 *  `decode` of that, which
 *                returns an `E`. If `decode` throws, the caller gets the nearest standard base
 *
 *      struct ParseErrorCodec {
 *        auto encode(const ParseError& e) const { return std::pair(std::string(e.what()),
 *        e.line()); }
 *        auto decode(std::pair<std::string, int> p) const { return ParseError(p.first, p.second); }
 *      };
 *      royong::register_exception<ParseError>(ParseErrorCodec{});
 */
template <class E, class Codec>
void register_exception(Codec codec) {
  using Entry = detail::ExceptionEntry<E, Codec>;
  if constexpr (detail::require_transferable<typename Entry::State>()) {
    detail::add_registered_exception(*new Entry(std::move(codec)));  // for the life of the process
    if constexpr (detail::is_stateless_codec<Codec>)
      detail::share_exception(&detail::install_exception<E, Codec>);
  }
}

/** @brief The same with two functions in place of an object.
 *
 *      royong::register_exception<ParseError>([](const ParseError& e) { return
 *      std::pair(std::string(e.what()), e.line()); },
 *                                             [](const auto& p) { return ParseError(p.first,
 *                                             p.second); });
 */
template <class E, class Encode, class Decode>
void register_exception(Encode encode, Decode decode) {
  register_exception<E>(
      detail::TwoFunctionCodec<Encode, Decode>{std::move(encode), std::move(decode)});
}

}  // namespace royong::inline v0
