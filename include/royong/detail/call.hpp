// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A call that crosses: callable and arguments as bytes, and the thunk that runs them over
 *  there.
 *
 *      write_call(out, f, args...)      FunctionId of a thunk | state of f | arguments
 *      run_call(in, result)             finds the thunk, reads the rest, calls, writes the result
 *
 *  Who has more calls of one function to send uses the parts: `write_function` once,
 *  `write_arguments` for each call,
 *  and in a thunk of its own `decode_callable` once and `invoke_from` for each.
 */
#pragma once

#include <tuple>        // for std::tuple, std::get
#include <type_traits>  // for std::invoke_result_t
#include <utility>      // for std::forward, std::index_sequence

#include "royong/detail/archive.hpp"
#include "royong/detail/call_check.hpp"
#include "royong/detail/function_id.hpp"

namespace royong::inline v0::detail {

/// What runs a call in the worker: reads the callable's state and the arguments from `in`, calls,
/// writes the result to `out`.
using CallThunk = void (*)(Reader& in, Writer& out);

/// The FunctionId of a thunk, looked up once in each process. @throws UsageError as identify()
template <auto Thunk>
FunctionId thunk_id() {
  static const FunctionId id = identify(reinterpret_cast<const void*>(Thunk));
  return id;
}

template <class Function, class Indices, class... A>
struct Invocation;
template <class Function, std::size_t... I, class... A>
struct Invocation<Function, std::index_sequence<I...>, A...> {
  using F = std::remove_cvref_t<Function>;
  using Values = std::tuple<Stored<ParameterAt<F, I>, A>...>;

  template <class... Extra>
  static constexpr bool possible = std::is_invocable_v<
      Function, typename PassedType<ParameterAt<F, I>, Stored<ParameterAt<F, I>, A>&&>::type...,
      Extra...>;

  template <class... Extra>
  using Result = std::invoke_result_t<
      Function, typename PassedType<ParameterAt<F, I>, Stored<ParameterAt<F, I>, A>&&>::type...,
      Extra...>;

  /// Extra arguments come after those that travelled.
  template <class... Extra>
  static decltype(auto) call(Function&& function, Values& values, Extra&&... extra) {
    return std::forward<Function>(function)(
        pass<ParameterAt<F, I>>(std::move(std::get<I>(values)))..., std::forward<Extra>(extra)...);
  }
};

template <class Function, class... A>
using InvocationOf = Invocation<Function, std::index_sequence_for<A...>, A&&...>;

/// The decayed result of `f(args...)` in the worker; void is void.
template <class F, class... A>
using CallResult = std::decay_t<typename InvocationOf<F, A...>::template Result<>>;

template <class F, class... A>
consteval bool is_callable_across() {
  if constexpr (!VerdictOn<F>::fine) {
    return false;
  } else if constexpr (CallCheck<F, A&&...>::find() != CallReason::none) {
    return false;
  } else if constexpr (!decltype(check_travellers<F, A...>())::fine) {
    return false;
  } else if constexpr (!InvocationOf<F, A...>::template possible<>) {
    return false;
  } else if constexpr (std::is_void_v<CallResult<F, A...>>) {
    return true;
  } else {
    return VerdictOn<CallResult<F, A...>>::fine;
  }
}

/// Whether `f(args...)` can run in another process: callable, arguments and result may travel.
template <class F, class... A>
concept CallableAcross = is_callable_across<std::decay_t<F>, A...>();

/// Refuses with a readable error a call that cannot run in another process; to be used in `if
/// constexpr`.
template <class F, class... A>
consteval bool require_call() {
  if constexpr (!require_arguments<F, A...>()) {
    return false;
  } else if constexpr (!InvocationOf<F, A...>::template possible<>) {
    return CallRefusal<CallReason::not_callable, F>::passed;
  } else if constexpr (std::is_void_v<CallResult<F, A...>>) {
    return true;
  } else {
    return require_transferable<CallResult<F, A...>>();
  }
}

/// Writes a callable's state: nothing for a lambda, the members of an aggregate, the id behind a
/// function pointer.
template <class F>
void encode_callable(Writer& out, const F& function) {
  encode(out, function);
}
template <class F>
F decode_callable(Reader& in) {
  return decode<F>(in);
}

template <class P, class A>
void encode_argument(Writer& out, A&& argument) {
  using Value = Stored<P, A&&>;
  if constexpr (is_view<P>) {
    const std::remove_cvref_t<P> view(argument);
    if constexpr (PlainContiguous<Value>) {
      encode_plain_range(out, view.data(), view.size());
    } else {
      encode(out, Value(view.begin(), view.end()));
    }
  } else if constexpr (std::is_same_v<std::remove_cvref_t<A>, Value>) {
    encode(out, argument);
  } else {
    encode(out, store<P>(std::forward<A>(argument)));
  }
}

/// Writes arguments as `f`'s parameters want them: what `invoke_from<F, A...>` reads.
template <class F, class... A>
void write_arguments(Writer& out, A&&... arguments) {
  if constexpr (require_arguments<F, A...>()) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (encode_argument<ParameterAt<F, I>>(out, std::forward<A>(arguments)), ...);
    }(std::index_sequence_for<A...>());
  }
}

/** @brief Reads the arguments and calls.
 *  @return the decayed result: a reference that the function returns may be to one of the
 *    arguments, which end here
 *  @param function an lvalue to call it again, an rvalue to let it give away its bound values
 *  @param extra    arguments made in the worker, after those that travelled
 *  @throws TransferError before the call, if the bytes are malformed
 */
template <class... A, class Function, class... Extra>
auto invoke_from(Reader& in, Function&& function, Extra&&... extra) {
  using Values = StoredArgs<std::remove_cvref_t<Function>, A...>;
  auto values = decode<Values>(in);
  return InvocationOf<Function, A...>::call(std::forward<Function>(function), values,
                                            std::forward<Extra>(extra)...);
}

/// The thunk of one call: what `write_function` names.
template <class F, class... A>
void run_one(Reader& in, Writer& out) {
  F function = decode_callable<F>(in);
  if constexpr (std::is_void_v<CallResult<F, A...>>) {
    invoke_from<A...>(in, std::move(function));
  } else {
    encode(out, invoke_from<A...>(in, std::move(function)));
  }
}

/// Writes what comes before the arguments: the id of the thunk and the callable's state.
template <class F, class... A>
void write_function(Writer& out, const F& function) {
  if constexpr (require_call<F, A...>()) {
    out.write_plain(thunk_id<&run_one<F, A...>>().bits);
    encode_callable(out, function);
  }
}

/** @brief Writes a call. A function that is not an object (`void f()`) is taken as pointer.
 *  @throws UsageError     the program is not initialised, or the function lies in no module
 *  @throws TransferError, ArenaFull  as Writer
 */
template <class F, class... A>
void write_call(Writer& out, const F& function, A&&... arguments) {
  using Function = std::decay_t<const F>;
  if constexpr (require_call<Function, A...>()) {
    write_function<Function, A...>(out, function);
    write_arguments<Function>(out, std::forward<A>(arguments)...);
  }
}

/// Runs the call in `in`, writes the result (nothing for void). @throws TransferError, or what the
/// function throws
ROYONG_API void run_call(Reader& in, Writer& out);

}  // namespace royong::inline v0::detail
