// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ThreadPool and ThreadPoolExecutor: Pool's members on threads of this process.
 */
#pragma once

#include <exception>    // for std::uncaught_exceptions
#include <functional>   // for std::function
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward

#include "royong/detail/imap.hpp"
#include "royong/detail/local.hpp"
#include "royong/detail/map_async.hpp"
#include "royong/pool.hpp"

namespace royong::inline v0 {

/** @brief Pool on threads: the same members and the same futures, for work that waits, and for
 *  callables that cannot cross. Move-only.
 *
 *  Nothing is encoded: any callable will do, capturing or not, and any argument and result that can
 *  be copied or moved. Arguments are decayed and stored (`std::ref` for a reference); each task gets
 *  them as lvalues that are moved from. The functions `map`, `starmap` and `parallel_for` read the
 *  range where it is; the asynchronous and the lazy forms keep copies of the elements.
 *
 *  **Errors.** As Pool; but an exception of a task comes out as it is, the same object. A task with
 *  a time limit is refused with `UsageError`.
 *
 *  **What a thread cannot do.** It cannot be killed. `terminate` and `Future::abort` cancel what has
 *  not begun and make `this_task::stop_requested` true in what runs, whose futures end with
 *  `CancelledError` when it returns. A task that crashes takes the program with it. A task that
 *  waits for another one of the same pool may wait for ever, when all threads do so.
 *
 *  **Threads and processes.** As Pool.
 *
 *  Example: examples/thread_pool.cpp
 */
class ThreadPool {
 public:
  /** @brief A pool of so many threads at most. A task that finds no idle one gets a new one.
   *  @param threads     how many; 0: cpu_count()
   *  @param initializer runs in each thread before its first task; if it throws, the pool is broken
   *  and says why
   *  @throws UsageError a negative number; no `init`
   */
  explicit ThreadPool(int threads = 0, std::function<void()> initializer = {})
      : core_(detail::PoolCore::create(plan(threads, std::move(initializer)))) {}
  ThreadPool(ThreadPool&& other) noexcept = default;
  ThreadPool& operator=(ThreadPool&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(unwinding_, other.unwinding_);
    return *this;
  }
  /// Closes and joins; while an exception unwinds the stack, terminates and joins.
  ~ThreadPool() {
    if (core_) detail::end_pool(*core_, std::uncaught_exceptions() > unwinding_);
  }

  /// As Pool::apply_async.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto apply_async(F&& f, Args&&... args) {
    return detail::submit_local(core(), nullptr, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto apply_async(const TaskOptions& options, F&& f, Args&&... args) {
    return detail::submit_local(core(), &options, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As Pool::apply.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto apply(F&& f, Args&&... args) {
    return apply_async(std::forward<F>(f), std::forward<Args>(args)...).get();
  }
  template <class F, class... Args>
  auto apply(const TaskOptions& options, F&& f, Args&&... args) {
    return apply_async(options, std::forward<F>(f), std::forward<Args>(args)...).get();
  }

  /// As Pool::map. Each chunk works with a copy of `f`.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map(const F& f, Range&& range) {
    return map(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return detail::run_local_map<detail::CallWithElement, std::decay_t<const F>>(core(), options, f,
                                                                                 range);
  }
  /// As Pool::starmap.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto starmap(const F& f, Range&& range) {
    return starmap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap(const MapOptions& options, const F& f, Range&& range) {
    return detail::run_local_map<detail::CallWithTuple, std::decay_t<const F>>(core(), options, f,
                                                                               range);
  }
  /// As Pool::map_async.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map_async(const F& f, Range&& range) {
    return map_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map_async(const MapOptions& options, const F& f, Range&& range) {
    core();
    return detail::start_local_map<detail::CallWithElement, std::decay_t<const F>>(
        core_, options, f, std::forward<Range>(range));
  }
  /// As Pool::starmap_async.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto starmap_async(const F& f, Range&& range) {
    return starmap_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap_async(const MapOptions& options, const F& f, Range&& range) {
    core();
    return detail::start_local_map<detail::CallWithTuple, std::decay_t<const F>>(
        core_, options, f, std::forward<Range>(range));
  }
  /// As Pool::imap.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap(const F& f, Range&& range) {
    return imap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap(const MapOptions& options, const F& f, Range&& range) {
    core();
    return LazyResults<std::decay_t<const F>, Range, true, detail::LocalLane>(
        core_, options, f, std::forward<Range>(range));
  }
  /// As Pool::imap_unordered.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto imap_unordered(const F& f, Range&& range) {
    return imap_unordered(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap_unordered(const MapOptions& options, const F& f, Range&& range) {
    core();
    return LazyResults<std::decay_t<const F>, Range, false, detail::LocalLane>(
        core_, options, f, std::forward<Range>(range));
  }
  /// As Pool::parallel_for; `f` is shared by all threads.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  void parallel_for(std::size_t n, const F& f, const Args&... args) {
    parallel_for(MapOptions{}, n, f, args...);
  }
  template <class F, class... Args>
  void parallel_for(const MapOptions& options, std::size_t n, const F& f, const Args&... args) {
    using Bound = std::tuple<const Args&...>;
    detail::run_form(core(), options, n, detail::LocalIndexForm<F, Bound>{f, Bound(args...)});
  }

  /// No more tasks. Repeatable.
  void close() { core().close(); }
  /// Cancels what has not begun, asks what runs to stop. Does not wait; may be called from a
  /// callback, and more than once.
  void terminate() { core().terminate(); }
  /** @brief Waits until all tasks and threads have ended and all callbacks have run.
   *  @return whether they have
   *  @throws UsageError neither closed nor terminated
   */
  bool join(Timeout timeout = forever) { return core().join(timeout); }
  /// Number of threads.
  int size() const { return core().size(); }
  /// As Pool::resize.
  void resize(int n) { core().resize(n); }
  /// As Pool::stats.
  PoolStats stats() { return core().stats(); }

 private:
  friend struct detail::PoolAccess;
  friend class ThreadPoolExecutor;

  static detail::PoolPlan plan(int threads, std::function<void()> initializer) {
    detail::PoolPlan plan;
    plan.processes = threads;
    plan.threads = true;
    plan.local_initializer = std::move(initializer);
    return plan;
  }
  detail::PoolCore& core() const {
    if (!core_) throw UsageError("the pool was moved away");
    return *core_;
  }

  detail::StateRef<detail::PoolCore> core_;
  int unwinding_ = std::uncaught_exceptions();
};

/** @brief Python's other face of a thread pool: `submit`, `map`, `shutdown`. Move-only; otherwise as
 *  `ThreadPool`.
 *
 *  Example: examples/thread_pool.cpp
 */
class ThreadPoolExecutor {
 public:
  explicit ThreadPoolExecutor(int max_workers = 0, std::function<void()> initializer = {})
      : pool_(max_workers, std::move(initializer)) {}

  /// See ThreadPool::apply_async.
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, TaskOptions>)
  auto submit(F&& f, Args&&... args) {
    return pool_.apply_async(std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto submit(const TaskOptions& options, F&& f, Args&&... args) {
    return pool_.apply_async(options, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// See ThreadPool::map.
  template <class F, class Range>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MapOptions>)
  auto map(const F& f, Range&& range) {
    return pool_.map(f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return pool_.map(options, f, std::forward<Range>(range));
  }
  /// See ProcessPoolExecutor::shutdown.
  void shutdown(bool wait = true, bool cancel_futures = false) {
    pool_.close();
    if (cancel_futures) pool_.core().cancel_pending();
    if (wait) pool_.join();
  }
  /// Number of threads.
  int size() const { return pool_.size(); }

 private:
  friend struct detail::PoolAccess;
  ThreadPool pool_;
};

}  // namespace royong::inline v0
