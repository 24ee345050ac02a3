// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief async_submit, async_get: tasks as asynchronous operations of Boost.Asio.
 */
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <memory>       // for std::shared_ptr
#include <string>       // for std::string
#include <tuple>        // for std::tuple
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward

#include "royong/asio/detail/pending.hpp"
#include "royong/asio/detail/temporaries.hpp"
#include "royong/future.hpp"
#include "royong/pool.hpp"

namespace royong::inline v0::asio {

namespace detail {

/// An executor of tasks: a pool (`apply_async`), or what Python calls an Executor (`submit`).
template <class E>
concept TaskExecutor =
    requires(E& executor) { executor.close(); } || requires(E& executor) { executor.shutdown(); };

/// How an argument is stored until the operation begins: a string literal as the std::string that will travel.
template <class A>
using Kept = std::conditional_t<std::is_convertible_v<A, const char*> &&
                                    std::is_array_v<std::remove_reference_t<A>>,
                                std::string, std::decay_t<A>>;

template <class E, class... A>
auto submit_to(E& executor, A&&... arguments) {
  if constexpr (requires { executor.submit(std::forward<A>(arguments)...); }) {
    return executor.submit(std::forward<A>(arguments)...);
  } else {
    return executor.apply_async(std::forward<A>(arguments)...);
  }
}

template <class E, class... A>
using SubmittedFuture = decltype(submit_to(std::declval<E&>(), std::declval<A>()...));

/// Stops a task: before a worker begins it, or (not for `total` alone) while it runs.
template <class T>
void stop_task(const Future<T>& future, boost::asio::cancellation_type type) {
  using enum boost::asio::cancellation_type;
  if (future.cancel() || (type & (terminal | partial)) == none) return;
  static_cast<void>(future.abort());
}

/// Lets the handler be called when the task has ended.
template <class T, class Handler>
void complete_by(Future<T> future, std::shared_ptr<PendingHandler<T, Handler>> pending,
                 bool move_result) {
  auto slot = boost::asio::get_associated_cancellation_slot(pending->handler());
  if (slot.is_connected()) {
    slot.assign([future](boost::asio::cancellation_type type) {
      if (type != boost::asio::cancellation_type::none) stop_task(future, type);
    });
  }
  future.add_done_callback([pending, move_result](const Future<T>& done) {
    pending->deliver([future = done, move_result]() mutable -> T {
      return move_result ? std::move(future).get() : future.get();
    });
  });
}

struct GetResult {
  template <class Handler, class T>
  void operator()(Handler&& handler, Future<T> future, bool move_result) const {
    using Pending = PendingHandler<T, std::decay_t<Handler>>;
    complete_by(std::move(future), std::make_shared<Pending>(std::forward<Handler>(handler)),
                move_result);
  }
};

/// What stands for the options where there are none.
struct NoOptions {};

template <class R>
struct SubmitTask {
  template <class Handler, class E, class Options, class Call>
  void operator()(Handler&& handler, E* executor, const Options& options, Call call) const {
    using Pending = PendingHandler<R, std::decay_t<Handler>>;
    const auto pending = std::make_shared<Pending>(std::forward<Handler>(handler));
    Future<R> future;
    try {
      future = std::apply(
          [&](auto&... parts) {
            if constexpr (std::is_same_v<Options, NoOptions>) {
              return submit_to(*executor, std::move(parts)...);
            } else {
              return submit_to(*executor, options, std::move(parts)...);
            }
          },
          call);
    } catch (...) {
      // Nothing was submitted: the handler learns why, as it learns of every other failure.
      pending->deliver([error = std::current_exception()]() -> R { std::rethrow_exception(error); },
                       true);
      return;
    }
    complete_by(std::move(future), pending, true);
  }
};

template <class E, class Token, class Options, class F, class... Args>
decltype(auto) submit_async(E& executor, Token&& token, Options options, F&& f, Args&&... args) {
  using R = typename SubmittedFuture<E, std::decay_t<F>, Kept<Args&&>...>::value_type;
  static_assert(require_default<R>());
  return net::async_initiate<Token, Signature<R>>(
      SubmitTask<R>(), token, &executor, std::move(options),
      std::tuple<std::decay_t<F>, Kept<Args&&>...>(std::forward<F>(f),
                                                   std::forward<Args>(args)...));
}

}  // namespace detail

/** @brief Runs `f(args...)` in a worker of `executor` and completes when it has ended: what Python's asyncio calls
 *  `run_in_executor`.
 *
 *      double area = co_await mp::async_submit(pool, use_awaitable, measure, path);
 *
 *  @param executor a Pool, ProcessPoolExecutor or whatever else has `submit` or `apply_async`; it must live until the operation
 *                  has begun (with a lazy token: until it is awaited), not longer
 *  @param token    any completion token: a callback, `use_future`, `use_awaitable`, `deferred`, `as_tuple(...)` ...
 *  @param f, args  as of `Pool::apply_async`; they are stored until the operation begins
 *
 *  `TaskOptions` may stand before f: `async_submit(pool, token, {.timeout = 5s}, f, args...)`.
 *
 *  **Completion signature.** `void(std::exception_ptr, R)`, or `void(std::exception_ptr)` when f returns nothing. R is
 *  default-constructible: beside an error comes an empty one.
 *
 *  **Where the handler runs.** On its associated executor, whose context has outstanding work meanwhile: `io_context::run` does
 *  not return while a task is under way. There the result is decoded, too. A handler without an executor of its own (a plain
 *  lambda, `use_future`) runs on the thread of the pool that runs the callbacks, and after an error of the submission on one of Asio's own: `boost::asio::bind_executor` gives it one. When
 *  the context ends first, the handler is destroyed without being called, and the task runs on.
 *
 *  **Cancellation.** By the handler's cancellation slot: `total` takes the task away if no worker has begun it; `terminal` and
 *  `partial` also stop one that runs (`Future::abort`). Then the handler gets a `CancelledError`. So timeouts are those of
 *  Asio, `async_submit(...) || timer.async_wait(use_awaitable)`; `TaskOptions::timeout` counts from the task's beginning.
 *
 *  **Errors.** All of them arrive at the handler, also those of the submission (`UsageError`: the pool is closed, ...): what
 *  `Future::get` throws.
 *
 *  On GCC before version 13 a `co_await` destroys some temporaries of its expression twice. There the options, a callable with
 *  bound values, and aggregates among the arguments need a name; what would go wrong does not compile.
 *
 *  **If the worker dies** the handler gets `WorkerDied`, or the task is retried: as with every future.
 *
 *  Example: examples/asio_executor.cpp
 */
template <detail::TaskExecutor E, class Token, class F, class... Args>
  requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
decltype(auto) async_submit(E& executor, Token&& token, F&& f, Args&&... args) {
  using Result =
      decltype(detail::submit_async(executor, std::forward<Token>(token), detail::NoOptions(),
                                    std::forward<F>(f), std::forward<Args>(args)...));
  static_assert(detail::require_named<Result, F, Args...>());
  return detail::submit_async(executor, std::forward<Token>(token), detail::NoOptions(),
                              std::forward<F>(f), std::forward<Args>(args)...);
}

template <detail::TaskExecutor E, class Token, class F, class... Args>
decltype(auto) async_submit(E& executor, Token&& token, const TaskOptions& options, F&& f,
                            Args&&... args) {
  using Result = decltype(detail::submit_async(executor, std::forward<Token>(token), options,
                                               std::forward<F>(f), std::forward<Args>(args)...));
  static_assert(detail::require_named<Result, F, Args...>());
  return detail::submit_async(executor, std::forward<Token>(token), options, std::forward<F>(f),
                              std::forward<Args>(args)...);
}

template <detail::TaskExecutor E, class Token, class F, class... Args>
decltype(auto) async_submit(E& executor, Token&& token, TaskOptions&& options, F&& f,
                            Args&&... args) {
  using Result = decltype(detail::submit_async(executor, std::forward<Token>(token), options,
                                               std::forward<F>(f), std::forward<Args>(args)...));
  static_assert(detail::require_named<Result, F, Args..., TaskOptions>());
  return detail::submit_async(executor, std::forward<Token>(token), std::move(options),
                              std::forward<F>(f), std::forward<Args>(args)...);
}

/** @brief Completes when the task of a future has ended. As `async_submit`, for a task that has been submitted already.
 *  @param future an lvalue: the handler gets a copy of the result where it can be copied; an rvalue: the result itself
 *  @param token  any completion token
 */
template <class T, class Token>
decltype(auto) async_get(const Future<T>& future, Token&& token) {
  static_assert(detail::require_default<T>());
  return detail::net::async_initiate<Token, detail::Signature<T>>(detail::GetResult(), token,
                                                                  future, false);
}
template <class T, class Token>
decltype(auto) async_get(Future<T>&& future, Token&& token) {
  static_assert(detail::require_default<T>());
  return detail::net::async_initiate<Token, detail::Signature<T>>(detail::GetResult(), token,
                                                                  std::move(future), true);
}

}  // namespace royong::inline v0::asio

namespace royong::inline v0 {
// As free functions over royong's own types they are also where those are.
using asio::async_get;
using asio::async_submit;
}  // namespace royong::inline v0
