// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Pool and ProcessPoolExecutor: worker processes that functions are handed to.
 */
#pragma once

#include <optional>     // for std::optional
#include <string>       // for std::string
#include <type_traits>  // for std::is_same_v
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/basic_pool.hpp"
#include "royong/detail/pool_core.hpp"
#include "royong/detail/process_lane.hpp"
#include "royong/future.hpp"
#include "royong/process.hpp"
#include "royong/this_task.hpp"

namespace royong::inline v0 {

/// What each worker runs before its first task: a transferable callable without arguments left
/// (`bind_front` binds them).
class Initializer {
 public:
  Initializer() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Initializer>)
  // NOLINTNEXTLINE(google-explicit-constructor): PoolOptions{.initializer = f}
  Initializer(const F& f) {
    detail::Writer writer(detail::Transit::argument);
    detail::write_call(writer, f);
    call_.assign(writer.bytes().begin(), writer.bytes().end());
    kept_ = writer.take_kept();
  }

 private:
  friend struct detail::PoolAccess;
  std::vector<std::byte> call_;
  std::vector<detail::ObjectRef> kept_;
};

/// How a pool is made.
struct PoolOptions {
  /// If it throws in any worker, the pool is broken and says why.
  Initializer initializer{};
  /// A worker ends after so many tasks and is replaced; 0: never.
  int maxtasksperchild = 0;
  /// Default: get_start_method().
  std::optional<StartMethod> start_method{};
  /// For each worker.
  ResourceLimits limits{};
  /// Of the workers: "name-1", "name-2" ...; default: "PoolWorker".
  std::string name{};
  RestartLimit restarts{};
  /** A file for a trace in Chrome's JSON format, which ui.perfetto.dev opens: one lane a worker, one
   *  slice a task, with its name and how it ended. The file is made anew. Workers append to it task
   *  by task (some microseconds each), so it can be opened whatever was killed and when; only after
   *  the pool's own end it has its closing bracket. Empty: none.
   */
  std::filesystem::path trace{};
  /** For debugging: tasks run in the calling thread, when they are submitted, one after the other;
   *  `processes` counts as 1. Callables, arguments, results and exceptions are encoded and decoded
   *  as ever, and the initializer runs in the constructor. Nothing can be killed: time limits and
   *  retries mean nothing, and a task that ends its process ends this one.
   */
  bool inline_tasks = false;
};

namespace detail {

/// How the library's own parts reach what is behind pools, executors and their options.
struct PoolAccess {
  template <class Lane>
  static PoolCore& core(const MapFamily<Lane>& pool) {
    return pool.core();
  }
  static const std::vector<std::byte>& call_of(const Initializer& initializer) {
    return initializer.call_;
  }
  static PoolPlan plan(int processes, PoolOptions options) {
    return {processes,
            std::move(options.initializer.call_),
            std::move(options.initializer.kept_),
            options.maxtasksperchild,
            options.start_method,
            std::move(options.limits),
            std::move(options.name),
            options.restarts,
            std::move(options.trace),
            options.inline_tasks,
            false};
  }
};

}  // namespace detail

/** @brief Worker processes, and functions that run in them. Move-only.
 *
 *  Callables, arguments and results are `Transferable`. The members are those of its bases, BasicPool and MapFamily.
 *
 *  **When workers start.** The constructor starts none. A task that finds no idle worker gets a new
 *  one, until there are as many as `processes`; idle ones are used again, and those that die are
 *  replaced. Starts overlap, and nobody who submits waits for them: what they meet (the initializer's
 *  exception, a lack of processes) the tasks are told by `BrokenProcessPool`. `resize(size())` starts
 *  all at once, for a pool that shall be warm. With `StartMethod::fork` the constructor starts all,
 *  in the calling thread: copies of the program as it is there, and not as it is when a task comes.
 *
 *  The destructor closes the pool and waits until every task has ended and every callback has run;
 *  while an exception unwinds the stack it terminates instead.
 *
 *  **Errors.** Submitting to a pool that is closed or terminated, or in a child of the user's own
 *  fork, is a `UsageError`; to a broken one, `BrokenProcessPool`. What does not fit the arena is
 *  `ArenaFull`: nothing was submitted. What the tasks throw comes out of their futures (see
 *  `Future`), and out of the functions that wait for them.
 *
 *  **Threads and processes.** Thread-safe: any number of threads may submit and wait. At home in
 *  one process; a task may make pools of its own.
 *
 *  **If the peer dies.** A dead worker takes only the task with it that it was running: that one
 *  ends with `WorkerDied`, or is run again if it has `retries` left. What it had not begun runs
 *  elsewhere; a new worker takes its place. When this process dies, the kernel kills the workers.
 *
 *  Example: examples/pool_squares.cpp
 */
class Pool : public BasicPool<detail::ProcessLane<true>> {
 public:
  using Options = PoolOptions;

  /** @brief A pool of so many workers at most; see above for when they start.
   *  @param processes how many; 0: cpu_count()
   *  @param options   what they run first, how long they live, what they may use
   *  @throws UsageError         a negative number; no `init`
   *  @throws std::system_error  by `fork`: no worker could be started; the trace cannot be written
   */
  explicit Pool(int processes = 0, PoolOptions options = {})
      : BasicPool(
            detail::PoolCore::create(detail::PoolAccess::plan(processes, std::move(options)))) {}
};

/** @brief Python's other face of a pool: `submit`, `map`, `shutdown`. Move-only; otherwise as
 *  `Pool`. The members are those of its bases, BasicExecutor and MapFamily, and those here.
 *
 *  Example: examples/pool_futures.cpp
 */
class ProcessPoolExecutor : public BasicExecutor<detail::ProcessLane<true>> {
 public:
  using Options = PoolOptions;

  /// As Pool's.
  explicit ProcessPoolExecutor(int max_workers = 0, PoolOptions options = {})
      : BasicExecutor(
            detail::PoolCore::create(detail::PoolAccess::plan(max_workers, std::move(options)))) {}

  /// Ends the workers by SIGTERM, cancels every task that has not ended.
  void terminate_workers() { core().terminate(); }
  /// The same by SIGKILL.
  void kill_workers() { core().kill(); }
};

}  // namespace royong::inline v0

#include "royong/thread_pool.hpp"  // part of this header
