// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Pool and ProcessPoolExecutor: worker processes that functions are handed to.
 */
#pragma once

#include <exception>    // for std::uncaught_exceptions
#include <optional>     // for std::optional
#include <string>       // for std::string
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/detail/imap.hpp"
#include "royong/detail/map.hpp"
#include "royong/detail/map_async.hpp"
#include "royong/detail/pool_core.hpp"
#include "royong/future.hpp"
#include "royong/process.hpp"
#include "royong/this_task.hpp"

namespace royong::inline v0 {

namespace detail {
struct PoolAccess;
}

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
  friend class Pool;
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

/** @brief Worker processes, and functions that run in them. Move-only.
 *
 *  Callables, arguments and results are `Transferable`.
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
class Pool {
 public:
  using Options = PoolOptions;

  /** @brief A pool of so many workers at most; see above for when they start.
   *  @param processes how many; 0: cpu_count()
   *  @param options   what they run first, how long they live, what they may use
   *  @throws UsageError         a negative number; no `init`
   *  @throws std::system_error  by `fork`: no worker could be started; the trace cannot be written
   */
  explicit Pool(int processes = 0, PoolOptions options = {})
      : core_(detail::PoolCore::create(make_plan(processes, std::move(options)))) {}
  Pool(Pool&& other) noexcept = default;
  Pool& operator=(Pool&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(unwinding_, other.unwinding_);
    return *this;
  }
  ~Pool() {
    if (core_) detail::end_pool(*core_, std::uncaught_exceptions() > unwinding_);
  }

  /** @brief Hands `f(args...)` to a worker.
   *  @return the result's future. It may be dropped: the task runs all the same.
   */
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto apply_async(const F& f, Args&&... args) {
    return detail::submit_call(core(), nullptr, f, std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto apply_async(const TaskOptions& options, const F& f, Args&&... args) {
    return detail::submit_call(core(), &options, f, std::forward<Args>(args)...);
  }

  /// Runs `f(args...)` in a worker and waits for the result.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto apply(const F& f, Args&&... args) {
    return apply_async(f, std::forward<Args>(args)...).get();
  }
  template <class F, class... Args>
  auto apply(const TaskOptions& options, const F& f, Args&&... args) {
    return apply_async(options, f, std::forward<Args>(args)...).get();
  }

  /** @brief Runs `f(x)` for every element x of the range.
   *
   *  Elements travel in chunks (MapOptions::chunksize). When some fail, the others run all the
   *  same; then the first failure, in the order of the elements' chunks, is thrown.
   *  @return the results in the order of the elements; nothing when f returns nothing
   */
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map(const F& f, Range&& range) {
    return map(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return detail::with_map_form<std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::run_form(core(), options, count, std::move(form));
        });
  }

  /** @brief As `map`, without waiting: one future for all results.
   *
   *  All elements are read and encoded before it returns, in chunks whose sizes shrink towards the
   *  end (nothing is measured: nobody is there to act on it). Where the arena has no room for them
   *  it waits for earlier chunks. `cancel()` succeeds while no worker has begun the first chunk;
   *  `abort()` stops those that run; `progress()` counts elements.
   *  @return a Future of what `map` returns. Its error is the first one in the order of the elements
   *  @throws what reading the range and encoding throws; ArenaFull. What was submitted is cancelled
   *
   *  **If the peer dies.** As `map`.
   *
   *  Example: examples/pool_futures.cpp
   */
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map_async(const F& f, Range&& range) {
    return map_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map_async(const MapOptions& options, const F& f, Range&& range) {
    core();
    return detail::with_map_form<std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::start_form(core_, options, count, std::move(form));
        });
  }

  /// As `map`, for elements that are tuples or pairs of arguments: `f(get<0>(x), get<1>(x), ...)`.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto starmap(const F& f, Range&& range) {
    return starmap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap(const MapOptions& options, const F& f, Range&& range) {
    return detail::with_starmap_form<std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::run_form(core(), options, count, std::move(form));
        });
  }

  /// As `map_async`, for elements that are tuples or pairs of arguments.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto starmap_async(const F& f, Range&& range) {
    return starmap_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap_async(const MapOptions& options, const F& f, Range&& range) {
    core();
    return detail::with_starmap_form<std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::start_form(core_, options, count, std::move(form));
        });
  }

  /** @brief As `map`, lazily: a range of results in the order of the elements, which are read as
   *  results are taken.
   *
   *      for (auto& result : pool.imap(f, inputs)) use(result);
   *
   *  The range may be any input range, also an infinite one; an lvalue must live as long as the
   *  results are walked. Of the options, `chunksize` is 1 by default, and `buffersize` limits how
   *  many elements are ahead of the reader.
   */
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap(const F& f, Range&& range) {
    return imap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap(const MapOptions& options, const F& f, Range&& range) {
    return lazy<true>(options, f, std::forward<Range>(range));
  }
  /// As `imap`, but each result as soon as it is there.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap_unordered(const F& f, Range&& range) {
    return imap_unordered(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap_unordered(const MapOptions& options, const F& f, Range&& range) {
    return lazy<false>(options, f, std::forward<Range>(range));
  }

  /** @brief Divides the indices 0 to n-1 into ranges and runs `f(begin, end, args...)` for each:
   *  for work on shared arrays.
   *
   *  Timeout and retries count for each range.
   */
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  void parallel_for(std::size_t n, const F& f, const Args&... args) {
    detail::run_parallel_for<std::decay_t<const F>>(core(), MapOptions{}, n, f, args...);
  }
  template <class F, class... Args>
  void parallel_for(const MapOptions& options, std::size_t n, const F& f, const Args&... args) {
    detail::run_parallel_for<std::decay_t<const F>>(core(), options, n, f, args...);
  }

  /// No more tasks. What was submitted runs to its end; then the workers end. Repeatable.
  void close() { core().close(); }
  /** @brief Ends the workers at once: SIGTERM, and in `join` or the destructor SIGKILL half a
   *  second later. Tasks that have not ended are cancelled.
   *
   *  Does not wait. May be called from a callback, and more than once.
   */
  void terminate() { core().terminate(); }
  /** @brief Waits until all tasks and workers have ended and all callbacks have run.
   *  @return whether they have
   *  @throws UsageError neither closed nor terminated
   */
  bool join(Timeout timeout = forever) { return core().join(timeout); }

  /// How many workers there may be: what the constructor was told, or `resize`.
  int size() const { return core().size(); }
  /** @brief What the pool has done so far, and what it holds.
   *
   *  A snapshot: counted when their results are read, by whoever waits. Cheap, but not for every
   *  task.
   *  Example: examples/pool_stats.cpp
   */
  PoolStats stats() { return core().stats(); }
  /** @brief Changes the number of workers. Those that are too many end after the task they are
   *  running; all that are missing are started now, side by side, also those that a new pool has not
   *  needed yet. Returns when their processes exist; their initializers may still run.
   *  @throws UsageError less than 1
   */
  void resize(int n) { core().resize(n); }

 private:
  friend struct detail::PoolAccess;
  friend class ProcessPoolExecutor;

  template <bool Ordered, class F, class Range>
  auto lazy(const MapOptions& options, const F& f, Range&& range) {
    using Function = std::decay_t<const F>;
    if constexpr (detail::require_call<Function, const detail::ElementOf<Range>&>()) {
      core();
      return LazyResults<Function, Range, Ordered>(core_, options, f, std::forward<Range>(range));
    }
  }

  static detail::PoolPlan make_plan(int processes, PoolOptions options) {
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

  detail::PoolCore& core() const {
    if (!core_) throw UsageError("the pool was moved away");
    return *core_;
  }

  detail::StateRef<detail::PoolCore> core_;
  int unwinding_ = std::uncaught_exceptions();
};

/** @brief Python's other face of a pool: `submit`, `map`, `shutdown`. Move-only; otherwise as
 *  `Pool`.
 *
 *  Example: examples/pool_futures.cpp
 */
class ProcessPoolExecutor {
 public:
  explicit ProcessPoolExecutor(int max_workers = 0, PoolOptions options = {})
      : pool_(max_workers, std::move(options)) {}

  /// Hands `f(args...)` to a worker; see Pool::apply_async.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto submit(const F& f, Args&&... args) {
    return pool_.apply_async(f, std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto submit(const TaskOptions& options, const F& f, Args&&... args) {
    return pool_.apply_async(options, f, std::forward<Args>(args)...);
  }

  /// See Pool::map.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map(const F& f, Range&& range) {
    return pool_.map(f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return pool_.map(options, f, std::forward<Range>(range));
  }

  /** @brief No more tasks. Repeatable.
   *  @param wait           return when everything has ended
   *  @param cancel_futures cancel what no worker has begun
   */
  void shutdown(bool wait = true, bool cancel_futures = false) {
    pool_.close();
    if (cancel_futures) pool_.core().cancel_pending();
    if (wait) pool_.join();
  }
  /// Ends the workers by SIGTERM, cancels every task that has not ended.
  void terminate_workers() { pool_.terminate(); }
  /// The same by SIGKILL.
  void kill_workers() { pool_.core().kill(); }
  /// Number of workers.
  int size() const { return pool_.size(); }

 private:
  friend struct detail::PoolAccess;
  Pool pool_;
};

namespace detail {

/// How the library's own parts reach the engine behind an executor.
struct PoolAccess {
  static PoolCore& core(const Pool& pool) { return pool.core(); }
  static PoolCore& core(const ProcessPoolExecutor& executor) { return executor.pool_.core(); }
  /// An executor of a component.
  template <class Executor>
  static PoolCore& core(const Executor& executor) {
    return executor.core();
  }
  static const std::vector<std::byte>& call_of(const Initializer& initializer) {
    return initializer.call_;
  }
  static PoolPlan plan(int processes, PoolOptions options) {
    return Pool::make_plan(processes, std::move(options));
  }
};

}  // namespace detail

}  // namespace royong::inline v0

#include "royong/thread_pool.hpp"  // part of this header
