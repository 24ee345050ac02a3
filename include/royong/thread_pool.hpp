// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ThreadPool and ThreadPoolExecutor: Pool's members on threads of this process.
 */
#pragma once

#include <functional>  // for std::function
#include <utility>     // for std::move

#include "royong/basic_pool.hpp"
#include "royong/detail/local.hpp"
#include "royong/this_task.hpp"

namespace royong::inline v0 {

namespace detail {

inline PoolPlan plan_threads(int threads, std::function<void()> initializer) {
  PoolPlan plan;
  plan.processes = threads;
  plan.threads = true;
  plan.local_initializer = std::move(initializer);
  return plan;
}

}  // namespace detail

/** @brief Pool on threads: the same members and the same futures, for work that waits, and for
 *  callables that cannot cross. Move-only.
 *
 *  Nothing is encoded: any callable will do, capturing or not, and any argument and result that can
 *  be copied or moved. Arguments are decayed and stored (`std::ref` for a reference); each task gets
 *  them as lvalues that are moved from. The functions `map`, `starmap` and `parallel_for` read the
 *  range where it is; the asynchronous and the lazy forms keep copies of the elements. Each chunk of a map
 *  works with a copy of the callable.
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
class ThreadPool : public BasicPool<detail::ThreadLane> {
 public:
  /** @brief A pool of so many threads at most. A task that finds no idle one gets a new one.
   *  @param threads     how many; 0: cpu_count()
   *  @param initializer runs in each thread before its first task; if it throws, the pool is broken
   *  and says why
   *  @throws UsageError a negative number; no `init`
   */
  explicit ThreadPool(int threads = 0, std::function<void()> initializer = {})
      : BasicPool(detail::PoolCore::create(detail::plan_threads(threads, std::move(initializer)))) {
  }
};

/** @brief Python's other face of a thread pool: `submit`, `map`, `shutdown`. Move-only; otherwise as
 *  `ThreadPool`. The members are those of its bases, BasicExecutor and MapFamily.
 *
 *  Example: examples/thread_pool.cpp
 */
class ThreadPoolExecutor : public BasicExecutor<detail::ThreadLane> {
 public:
  /// As ThreadPool's.
  explicit ThreadPoolExecutor(int max_workers = 0, std::function<void()> initializer = {})
      : BasicExecutor(
            detail::PoolCore::create(detail::plan_threads(max_workers, std::move(initializer)))) {}
};

}  // namespace royong::inline v0
