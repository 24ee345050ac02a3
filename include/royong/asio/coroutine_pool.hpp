// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief CoroutinePool: worker processes with an event loop each, and many coroutines at once in every loop.
 */
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution_context.hpp>

#include <concepts>  // for std::convertible_to, std::derived_from
#include <memory>    // for std::shared_ptr
#include <utility>   // for std::forward

#include "royong/asio/detail/coroutine_crew.hpp"
#include "royong/asio/detail/pending.hpp"
#include "royong/asio/detail/temporaries.hpp"

namespace royong::inline v0::asio {

namespace detail {

/// What `f(args...)` gives when it is awaited; refuses with a readable error what cannot run in another process.
template <class F, class... A>
consteval bool require_coroutine() {
  namespace core = v0::detail;
  if constexpr (!core::require_arguments<F, A...>()) {
    return false;
  } else if constexpr (!core::InvocationOf<F, A...>::template possible<>) {
    return core::CallRefusal<core::CallReason::not_callable, F>::passed;
  } else {
    using Awaited = AwaitedBy<core::CallResult<F, A...>>;
    static_assert(
        Awaited::is_awaitable,
        "royong: a task of a CoroutinePool is a coroutine: it returns boost::asio::awaitable<R>");
    if constexpr (std::is_void_v<typename Awaited::type>) {
      return Awaited::is_awaitable;
    } else {
      return core::require_transferable<typename Awaited::type>() &&
             require_default<typename Awaited::type>();
    }
  }
}

template <class F, class... A>
using CoroutineResult = typename AwaitedBy<v0::detail::CallResult<F, A...>>::type;

template <class R>
struct SubmitCoroutine {
  template <class Handler>
  void operator()(Handler&& handler, const std::shared_ptr<CoroutineCrew>& crew, Bytes call,
                  std::vector<v0::detail::ObjectRef> kept) const {
    using Pending = PendingHandler<R, std::decay_t<Handler>, net::any_io_executor>;
    const auto pending =
        std::make_shared<Pending>(std::forward<Handler>(handler), crew->executor());
    auto slot = net::get_associated_cancellation_slot(pending->handler());
    // Assigned first: when the number is known, the task may have ended, and with it the handler and its slot.
    const auto number = std::make_shared<std::uint64_t>(0);
    if (slot.is_connected()) {
      slot.assign([weak = std::weak_ptr(crew), number](net::cancellation_type type) {
        if (const auto alive = weak.lock(); alive && type != net::cancellation_type::none)
          alive->cancel(*number, type);
      });
    }
    try {
      crew->submit(std::move(call), std::move(kept), *number, [pending](CoroutineEnd ending) {
        pending->deliver([ending = std::move(ending)]() -> R { return ending.result<R>(); });
      });
    } catch (...) {
      pending->deliver([error = std::current_exception()]() -> R { std::rethrow_exception(error); },
                       true);
    }
  }
};

}  // namespace detail

/** @brief Worker processes that each run an event loop, in which many coroutines are under way at once. Move-only.
 *
 *  For tasks that mostly wait: connections, timers, other processes. One core per worker computes, `childconcurrency` tasks per
 *  worker wait. What aiomultiprocess is in Python.
 *
 *      awaitable<std::string> fetch(std::string url);          // runs in a worker: this_coro::executor is that worker's loop
 *      mp::asio::CoroutinePool pool(io, 4, {.childconcurrency = 64});
 *      std::string page = co_await pool.async_submit(use_awaitable, fetch, url);
 *
 *  A task is a function that returns `boost::asio::awaitable<R>`; callable, arguments and R are `Transferable`, as of
 *  `Pool::apply_async`. All coroutines of a worker run on its one thread: what a worker keeps in globals needs no locks, and a task that
 *  computes for long holds up the others of its worker.
 *
 *  The pool is an I/O object: it has no thread of its own, its context's threads do its work, and it is destroyed before its context.
 *  While no task is under way it does not keep the context running.
 *
 *  The destructor kills the workers and waits until they are gone; tasks that have not ended get a `CancelledError`.
 *
 *  **Errors.** See async_submit. **Threads and processes.** Thread-safe. At home in one process.
 *
 *  **If a worker dies** the tasks that it had begun end with `WorkerDied`, those that still lay in front of it run elsewhere, and it is
 *  replaced: by the context's thread that sees the death, which takes as long as the start of a process.
 *
 *  Example: examples/asio_loops.cpp
 */
class CoroutinePool {
 public:
  using executor_type = boost::asio::any_io_executor;

  /** @brief Starts the workers.
   *  @param executor  where the pool's own work is done, and handlers without an executor of their own run
   *  @param processes how many; 0: cpu_count()
   *  @param options   see CoroutinePoolOptions
   *  @throws UsageError        a negative number; childconcurrency less than 1; no `init`
   *  @throws std::system_error a worker could not be started
   */
  explicit CoroutinePool(executor_type executor, int processes = 0,
                         CoroutinePoolOptions options = {})
      : crew_(std::make_shared<detail::CoroutineCrew>(std::move(executor), processes,
                                                      std::move(options))) {}
  /// Likewise, for an io_context or thread_pool.
  template <std::derived_from<boost::asio::execution_context> Context>
  explicit CoroutinePool(Context& context, int processes = 0, CoroutinePoolOptions options = {})
      : CoroutinePool(executor_type(context.get_executor()), processes, std::move(options)) {}
  CoroutinePool(CoroutinePool&&) noexcept = default;
  CoroutinePool& operator=(CoroutinePool&& other) noexcept {
    std::swap(crew_, other.crew_);
    return *this;
  }
  ~CoroutinePool() {
    if (crew_) crew_->terminate();
  }

  /** @brief Runs the coroutine `f(args...)` in a worker and completes when it has ended.
   *  @param token   any completion token
   *  @param f, args what runs there: `f` returns `awaitable<R>`
   *
   *  **Completion signature.** `void(std::exception_ptr, R)`, or `void(std::exception_ptr)` for `awaitable<void>`.
   *
   *  **Where the handler runs, work, GCC before version 13.** As of `async_submit` for a Pool; a handler without an executor runs on the
   *  pool's.
   *
   *  **Cancellation** reaches the coroutine, in its worker, as it would in a loop of one's own: it ends by an exception at the
   *  operation that it waits in, and the handler gets a `CancelledError`. `total` alone is ignored by a coroutine that did not ask for
   *  it. A task that no worker has begun ends at once.
   *
   *  **Errors.** `UsageError` after `close`, in a fork; `BrokenProcessPool` when the initializer throws, or the workers die before they
   *  begin anything (`CoroutinePoolOptions::restarts`); what the coroutine throws, without a traceback (its own frame catches it first); `WorkerDied`; `CancelledError`. All arrive at the handler.
   */
  template <class Token, class F, class... Args>
  decltype(auto) async_submit(Token&& token, F&& f, Args&&... args) {
    using Function = std::decay_t<F>;
    if constexpr (detail::require_coroutine<Function, Args...>()) {
      using R = detail::CoroutineResult<Function, Args...>;
      using Result = decltype(initiate<R>(std::forward<Token>(token), detail::Bytes(),
                                          std::vector<v0::detail::ObjectRef>()));
      static_assert(detail::require_named<Result, F, Args...>());
      v0::detail::Writer call(v0::detail::Transit::argument);
      call.write_plain(v0::detail::thunk_id<&detail::run_coroutine<Function, Args...>>().bits);
      v0::detail::encode_callable(call, static_cast<const Function&>(f));
      v0::detail::write_arguments<Function>(call, std::forward<Args>(args)...);
      const auto bytes = call.bytes();
      return initiate<R>(std::forward<Token>(token), detail::Bytes(bytes.begin(), bytes.end()),
                         call.take_kept());
    }
  }

  /// No more tasks. When the last one has ended, so do the workers. Repeatable.
  void close() { crew().close(); }
  /// What the destructor does. Repeatable.
  void terminate() { crew().terminate(); }
  /// Number of workers.
  int size() const { return crew().size(); }
  executor_type get_executor() const { return crew().executor(); }

 private:
  template <class R, class Token>
  decltype(auto) initiate(Token&& token, detail::Bytes call,
                          std::vector<v0::detail::ObjectRef> kept) {
    return boost::asio::async_initiate<Token, detail::Signature<R>>(
        detail::SubmitCoroutine<R>(), token, crew_, std::move(call), std::move(kept));
  }

  detail::CoroutineCrew& crew() const {
    if (!crew_) throw UsageError("the pool was moved away");
    return *crew_;
  }

  std::shared_ptr<detail::CoroutineCrew> crew_;
};

/// The same as the pool's member, in the form of `async_submit` for other pools.
template <class Token, class F, class... Args>
decltype(auto) async_submit(CoroutinePool& pool, Token&& token, F&& f, Args&&... args) {
  return pool.async_submit(std::forward<Token>(token), std::forward<F>(f),
                           std::forward<Args>(args)...);
}

}  // namespace royong::inline v0::asio
