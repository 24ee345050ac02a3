// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Future: the result of a task, some day.
 */
#pragma once

#include <concepts>     // for std::invocable
#include <exception>    // for std::exception_ptr
#include <memory>       // for std::make_unique
#include <type_traits>  // for std::is_void_v
#include <utility>      // for std::move

#include "royong/detail/copyable.hpp"
#include "royong/detail/task_state.hpp"
#include "royong/error.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
struct FutureAccess;
}

/** @brief The result of a task that runs elsewhere, or the reason why there is none. Copyable;
 *  copies name the same task.
 *
 *  A future keeps nothing alive but the result: it may outlive its pool. Whoever waits on one
 *  drives its pool meanwhile, so a result comes back without a detour through another thread.
 *
 *  **Errors.** `get` throws what the task threw, as the same std type or its nearest std base, with
 *  a nested
 *  `RemoteError`; or `CancelledError`, `TimeoutError` (the task's own limit passed), `WorkerDied`,
 *  `BrokenProcessPool`, `TransferError` (the result cannot be decoded),
 *  `ArenaFull` (the result is longer than the arena's quota). Members of a default-constructed future throw
 *  `InvalidStateError`.
 *
 *  **Threads and processes.** Thread-safe. At home in one process: not transferable.
 *
 *  **If the peer dies.** The task that the dead worker was running ends with `WorkerDied`, unless
 *  it has retries left. Every other task runs on another worker.
 *
 *  Example: examples/pool_futures.cpp
 */
template <class T>
class Future {
 public:
  using value_type = T;

  /// Names no task.
  Future() noexcept = default;

  /** @brief Waits for the end of the task and returns its value: a copy, or for a type that can
   *  only be moved (also a vector of such) the value itself.
   *  @param timeout how long to wait
   *  @throws TimeoutError       the time is over; the task goes on
   *  @throws InvalidStateError  the value was moved away by an earlier `get`
   *  and whatever the task ended with, see above
   */
  T get(Timeout timeout = forever) const& {
    await_value(timeout);
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (detail::is_copyable<T>) {
      return state_->value();
    } else {
      return state_->take();
    }
  }
  /// The same, moving the value: a later `get` is an `InvalidStateError`.
  T get(Timeout timeout = forever) && {
    await_value(timeout);
    if constexpr (!std::is_void_v<T>) return state_->take();
  }
  /// Python's other name for `get`.
  T result(Timeout timeout = forever) const& { return get(timeout); }
  T result(Timeout timeout = forever) && { return std::move(*this).get(timeout); }

  /// Waits for the end of the task, however it ends. @return whether it has ended
  bool wait(Timeout timeout = forever) const { return state().wait(timeout); }

  /// Whether the task has ended. Does not wait, but looks for results that lie ready.
  bool done() const {
    return state().has_ended() || state().wait(Timeout(std::chrono::seconds(0)));
  }
  /// Python's other name for `done`.
  bool ready() const { return done(); }
  /// Whether a worker has begun it and it has not ended. A call at a manager is known to have begun when `cancel` came too late, not before.
  bool running() const { return !done() && state().engine()->is_running(state()); }
  /// Whether it was cancelled.
  bool cancelled() const { return done() && state().ending() == detail::Ending::cancelled; }
  /// Whether it returned a value. @throws InvalidStateError it has not ended
  bool successful() const {
    if (!done()) throw InvalidStateError("the task has not ended yet");
    return state().ending() == detail::Ending::value;
  }
  /** @brief Waits for the end and returns the exception that `get` would throw, or nothing.
   *  @throws TimeoutError    the time is over
   *  @throws CancelledError  the task was cancelled
   */
  std::exception_ptr exception(Timeout timeout = forever) const {
    await(timeout);
    if (state_->ending() == detail::Ending::cancelled) state_->rethrow();
    return state_->exception();
  }

  /** @brief Takes the task away before a worker begins it.
   *  @return whether it is cancelled now; false: it runs or has ended
   */
  bool cancel() const {
    // Not `done()`: a look for results sends what a pipeline keeps back.
    return !state().has_ended() ? state().engine()->cancel(state()) : cancelled();
  }

  /** @brief Stops the task whatever it is doing; for one that no worker has begun, `cancel`.
   *
   *  A running task is told by SIGTERM, which ends its worker, unless the task asks
   *  `this_task::stop_requested()`: then it has the time of grace to tidy up. After that comes
   *  SIGKILL. The worker is replaced; other tasks are not touched. Does not wait: the future ends
   *  with `CancelledError` when the task has stopped.
   *  @param grace time between SIGTERM and SIGKILL; zero: SIGKILL at once
   *  @return whether the task was cancelled or is being stopped; false: it has ended
   *
   *  **Errors.** In a thread pool, where nothing can be killed, a running task is only asked.
   *
   *  **If the peer dies.** A worker that dies meanwhile is what was wanted: `CancelledError`, and no
   *  retry.
   *
   *  Example: examples/pool_abort.cpp
   */
  bool abort(Timeout grace = std::chrono::milliseconds(500)) const {
    return !done() ? state().engine()->abort(state(), grace) : cancelled();
  }

  /// What the task said last by `this_task::progress`; nothing before it runs and after it has
  /// ended.
  TaskProgress progress() const {
    return !done() ? state().engine()->progress(state()) : TaskProgress{};
  }

  /** @brief Calls `f(future)` when the task has ended: at once, in this thread, if its end has been
   *  seen (by `wait`, `get`, `done` ...).
   *
   *  Otherwise it runs on a thread of the pool that does nothing else: it may take its time, wait on
   *  other futures, submit, and terminate the pool. What it throws goes to the log. Callbacks that
   *  were added before the end run in the order in which they were added.
   *  @param f any callable, capturing or not; it runs in this process
   */
  template <class F>
    requires std::invocable<F&, Future<T>&>
  void add_done_callback(F f) const {
    struct Run final : detail::Callback {
      Run(F function, Future given) : callable(std::move(function)), future(std::move(given)) {}
      void run() override { (void)callable(future); }
      F callable;
      Future future;
    };
    auto run = std::make_unique<Run>(std::move(f), *this);
    if (state().has_ended()) return detail::run_callback(*run);
    state().engine()->add_callback(state(), std::move(run));
  }

  /// Whether it names a task.
  bool valid() const noexcept { return static_cast<bool>(state_); }

 private:
  friend struct detail::FutureAccess;
  explicit Future(detail::StateRef<detail::ResultState<T>> state) noexcept
      : state_(std::move(state)) {}

  detail::ResultState<T>& state() const {
    if (!state_) detail::throw_no_state();
    return *state_;
  }
  void await(Timeout timeout) const {
    if (!state().wait(timeout)) throw TimeoutError("the task has not ended within the time given");
  }
  void await_value(Timeout timeout) const {
    await(timeout);
    if (state_->ending() != detail::Ending::value) state_->rethrow();
  }

  detail::StateRef<detail::ResultState<T>> state_;
};

/// The name that Python's Pool gives its futures.
template <class T>
using AsyncResult = Future<T>;

namespace detail {

/// How the library's own parts make and open futures.
struct FutureAccess {
  template <class T>
  static Future<T> make(StateRef<ResultState<T>> state) {
    return Future<T>(std::move(state));
  }
  template <class T>
  static ResultState<T>& state(const Future<T>& future) {
    return future.state();
  }
};

}  // namespace detail

}  // namespace royong::inline v0

#include "royong/detail/await.hpp"       // needs Future; part of this header
#include "royong/detail/completion.hpp"  // likewise
