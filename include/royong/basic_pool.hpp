// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief BasicPool and BasicExecutor: the members of pools, and those of executors.
 */
#pragma once

#include <concepts>  // for std::integral
#include <cstddef>   // for std::size_t
#include <utility>   // for std::cmp_less, std::forward

#include "royong/future.hpp"
#include "royong/map_family.hpp"

namespace royong::inline v0 {

/// The members that Pool and ThreadPool share. What is said here of workers holds for threads where nothing else is said there.
template <class Lane>
class BasicPool : public MapFamily<Lane> {
 public:
  /** @brief Hands `f(args...)` to a worker.
   *  @return the result's future. It may be dropped: the task runs all the same.
   */
  template <detail::Callee F, class... Args>
  auto apply_async(F&& f, Args&&... args) {
    return Lane::submit(this->core(), nullptr, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto apply_async(const TaskOptions& options, F&& f, Args&&... args) {
    return Lane::submit(this->core(), &options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Runs `f(args...)` in a worker and waits for the result.
  template <detail::Callee F, class... Args>
  auto apply(F&& f, Args&&... args) {
    return apply_async(std::forward<F>(f), std::forward<Args>(args)...).get();
  }
  template <class F, class... Args>
  auto apply(const TaskOptions& options, F&& f, Args&&... args) {
    return apply_async(options, std::forward<F>(f), std::forward<Args>(args)...).get();
  }

  /** @brief Divides the indices 0 to n-1 into ranges and runs `f(begin, end, args...)` for each:
   *  for work on shared arrays.
   *
   *  Timeout and retries count for each range. All threads of a ThreadPool share the one `f`.
   *  @throws UsageError n is negative
   */
  template <std::integral N, class F, class... Args>
  void parallel_for(N n, const F& f, const Args&... args) {
    parallel_for(MapOptions{}, n, f, args...);
  }
  template <std::integral N, class F, class... Args>
  void parallel_for(const MapOptions& options, N n, const F& f, const Args&... args) {
    if (std::cmp_less(n, 0)) throw UsageError("the number of indices must not be negative");
    Lane::template parallel_for<std::decay_t<const F>>(this->core(), options,
                                                       static_cast<std::size_t>(n), f, args...);
  }

  /// No more tasks. What was submitted runs to its end; then the workers end. Repeatable.
  void close() { this->core().close(); }
  /** @brief Ends the workers at once: SIGTERM, and in `join` or the destructor SIGKILL half a
   *  second later. Tasks that have not ended are cancelled.
   *
   *  Threads cannot be ended: what has not begun is cancelled, what runs is asked to stop. Does not wait.
   *  May be called from a callback, and more than once.
   */
  void terminate() { this->core().terminate(); }
  /** @brief Waits until all tasks and workers have ended and all callbacks have run.
   *  @return whether they have
   *  @throws UsageError neither closed nor terminated
   */
  bool join(Timeout timeout = forever) { return this->core().join(timeout); }

  /** @brief Changes the number of workers. Those that are too many end after the task they are
   *  running; all that are missing are started now, side by side, also those that a new pool has not
   *  needed yet. Returns when their processes exist; their initializers may still run.
   *  @throws UsageError less than 1
   */
  void resize(int n) { this->core().resize(n); }
  /** @brief What the pool has done so far, and what it holds.
   *
   *  A snapshot: counted when their results are read, by whoever waits. Cheap, but not for every
   *  task.
   *  Example: examples/pool_stats.cpp
   */
  PoolStats stats() { return this->core().stats(); }

 protected:
  using MapFamily<Lane>::MapFamily;
};

/// The members that executors share: ProcessPoolExecutor, ThreadPoolExecutor, mpi::MPIPoolExecutor.
template <class Lane>
class BasicExecutor : public MapFamily<Lane> {
 public:
  /** @brief Hands `f(args...)` to a worker.
   *  @return the result's future. It may be dropped: the task runs all the same.
   */
  template <detail::Callee F, class... Args>
  auto submit(F&& f, Args&&... args) {
    return Lane::submit(this->core(), nullptr, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto submit(const TaskOptions& options, F&& f, Args&&... args) {
    return Lane::submit(this->core(), &options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /** @brief No more tasks. Repeatable.
   *  @param wait           return when everything has ended
   *  @param cancel_futures cancel what no worker has begun
   */
  void shutdown(bool wait = true, bool cancel_futures = false) {
    this->core().close();
    if (cancel_futures) this->core().cancel_pending();
    if (wait) this->core().join(forever);
  }

 protected:
  using MapFamily<Lane>::MapFamily;
};

}  // namespace royong::inline v0
