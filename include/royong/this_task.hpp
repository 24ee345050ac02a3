// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief this_task: what a running task may ask and tell.
 */
#pragma once

#include <cstddef>  // for std::size_t

#include "royong/detail/config.hpp"

namespace royong::inline v0 {

/// How far a task has come, as it said itself.
struct TaskProgress {
  std::size_t done = 0;
  std::size_t total = 0;  ///< 0: it has said nothing yet, or does not know
};

/// About the task that is running, wherever it runs.
namespace this_task {

/** @brief Whether somebody wants this task to end: `Future::abort`, `Pool::terminate`.
 *
 *  A task that has asked is taken at its word: from its first call of this function on the request
 *  no longer kills the worker at once, and the task has the time of grace to tidy up and return. A
 *  task that has never asked is killed by the SIGTERM that is the request. What is returned after a
 *  request is thrown away.
 *
 *      while (!this_task::stop_requested()) improve(solution);
 *
 *  **Threads and processes.** Any thread of the worker. A signal handler of the program's own for
 *  SIGTERM replaces this one. Where no task runs it says false.
 *
 *  **If the peer dies.** When the process of the pool dies, the kernel kills the worker: nothing is
 *  requested then.
 *
 *  Example: examples/pool_abort.cpp
 */
ROYONG_API bool stop_requested() noexcept;

/** @brief Says how far the running task has come; `Future::progress` tells it to whoever has the
 *  future.
 *
 *  Costs a few stores to shared memory: no system call, nobody is woken.
 *  @param done  steps done so far
 *  @param total steps there are; 0: unknown
 *
 *  **Threads and processes.** The thread that runs the task. Elsewhere nothing happens.
 *
 *  Example: examples/pool_abort.cpp
 */
ROYONG_API void progress(std::size_t done, std::size_t total) noexcept;

}  // namespace this_task

}  // namespace royong::inline v0
