// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief `co_await` of a future. Part of <royong/future.hpp>.
 */
#pragma once

#include <atomic>     // for std::atomic
#include <coroutine>  // for std::coroutine_handle
#include <memory>     // for std::shared_ptr, std::make_unique
#include <utility>    // for std::move

#include "royong/detail/config.hpp"
#include "royong/future.hpp"

// GCC before 13 destroys aggregates and lambdas with captures twice that are temporaries of a full-expression with
// co_await in it: `co_await pool.apply_async({.name = "x"}, f)` would free the name twice.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define ROYONG_AWAITS_NAMED_FUTURES_ONLY 1
#else
#define ROYONG_AWAITS_NAMED_FUTURES_ONLY 0
#endif

namespace royong::inline v0 {

namespace detail {

/** @brief What a coroutine waits in for the end of a task. `Get` is `const Future<T>&` or `Future<T>&&`: how the value
 *  is taken.
 *
 *  The callback outlives this object if the coroutine is destroyed while it waits; so they share the word that says whom
 *  to resume, and whoever takes the coroutine out of it, the callback or the destructor, is the only one.
 */
template <class T, class Get>
class FutureAwaiter {
 public:
  explicit FutureAwaiter(Future<T> future) : future_(std::move(future)) {}
  FutureAwaiter(const FutureAwaiter&) = delete;
  FutureAwaiter& operator=(const FutureAwaiter&) = delete;
  ~FutureAwaiter() {
    if (sleeper_) sleeper_->exchange(nullptr, std::memory_order_acq_rel);
  }

  bool await_ready() const { return future_.done(); }

  void await_suspend(std::coroutine_handle<> coroutine) {
    // Once the callback is added, the coroutine may run and end this object: nothing of it is touched afterwards.
    auto sleeper = sleeper_ = std::make_shared<Sleeper>(coroutine.address());
    const Future<T> future = future_;
    TaskState& state = FutureAccess::state(future);
    state.engine()->add_callback(state, std::make_unique<Resume>(std::move(sleeper)));
  }

  T await_resume() { return static_cast<Get>(future_).get(); }

 private:
  using Sleeper = std::atomic<void*>;  // null: resumed, or destroyed

  struct Resume final : Callback {
    explicit Resume(std::shared_ptr<Sleeper> who) : sleeper(std::move(who)) {}
    void run() override {
      if (void* coroutine = sleeper->exchange(nullptr, std::memory_order_acq_rel))
        std::coroutine_handle<>::from_address(coroutine).resume();
    }
    std::shared_ptr<Sleeper> sleeper;
  };

  Future<T> future_;
  std::shared_ptr<Sleeper> sleeper_;
};

template <class>
inline constexpr bool await_a_temporary = !ROYONG_AWAITS_NAMED_FUTURES_ONLY;

}  // namespace detail

/** @brief Waits for the end of the task in a coroutine, without a thread that sleeps; the result is what `get()` would
 *  return or throw.
 *
 *      auto page = pool.apply_async(fetch, url);
 *      use(co_await page);
 *
 *  Works in a coroutine of any type: nothing is asked of its promise. A coroutine of Boost.Asio takes `async_get(page,
 *  boost::asio::use_awaitable)` of <royong/asio.hpp>, or `async_submit`, which bring it back to its own executor.
 *
 *  **Where it goes on.** If the task has ended, here and now. Else on the thread of the pool that runs the callbacks
 *  (`add_done_callback`), one after the other: what the coroutine does there until it next suspends holds up the callbacks
 *  behind it and nothing else. It may submit and wait there; from there it must not destroy the pool.
 *
 *  On GCC before version 13 the future must have a name, as above: the compiler destroys some temporaries of such an
 *  expression twice. There awaiting a temporary does not compile; elsewhere it does, and moves the value.
 *
 *  **Errors.** As `Future::get`. What escapes the coroutine when it is resumed goes to the log.
 *
 *  **Threads.** A coroutine may be destroyed while it waits if nothing can resume it at that moment: from a callback of the
 *  pool, or while its task cannot end.
 *
 *  **If the worker dies** it is resumed by `WorkerDied`; if the pool is terminated, by `CancelledError`.
 *
 *  Example: examples/coroutine.cpp
 */
template <class T>
auto operator co_await(const Future<T>& future) {
  return detail::FutureAwaiter<T, const Future<T>&>(future);
}

template <class T>
auto operator co_await(Future<T>&& future) {
  static_assert(detail::await_a_temporary<T>,
                "royong: GCC before version 13 destroys temporaries of a co_await expression "
                "twice: name the future "
                "first, `auto future = pool.apply_async(...); co_await future;`");
  return detail::FutureAwaiter<T, Future<T>&&>(std::move(future));
}

}  // namespace royong::inline v0
