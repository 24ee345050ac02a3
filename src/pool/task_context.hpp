// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief TaskContext: what a worker says of itself, and how it is asked to stop.
 *
 *  **The request to stop** is SIGTERM. Its handler decides by two words: whether the running task
 *  has ever asked `stop_requested()` (then it sets a flag and returns), or not (then the signal does
 *  what it does by default). So whoever stops a task never waits for one that does not listen, and
 *  a task that does listen is not torn from its work. In a thread of a thread pool there is no
 *  signal: the pool sets the flag itself.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// What a worker says of itself, in its channel: written by the worker, read by its pool.
struct WorkerReport {
  std::atomic<std::uint64_t> sequence;  ///< of the task that the next two are about
  std::atomic<std::uint64_t> done;
  std::atomic<std::uint64_t> total;
  std::atomic<std::int64_t> busy;        ///< nanoseconds of work before `busy_since`
  std::atomic<std::int64_t> busy_since;  ///< of the monotonic clock; 0: it sleeps for want of tasks
};

/// The running task's surroundings; one for each thread that is a worker.
struct TaskContext {
  WorkerReport* report = nullptr;
  std::uint64_t sequence = 0;
  std::atomic<bool> listens{false};    ///< the running task has asked `stop_requested`
  std::atomic<bool> requested{false};  ///< somebody wants it to stop
};

/// Of this thread, or of the process's only worker; nullptr where no task runs.
TaskContext* task_context() noexcept;

/// Makes `context` that of this thread while it lives.
class ContextScope {
 public:
  explicit ContextScope(TaskContext& context) noexcept;
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  ~ContextScope();

 private:
  TaskContext* const before_;
};

/// This process is a worker, and `context` that of its tasks: of all its threads, and for SIGTERM.
void adopt_process_context(TaskContext& context) noexcept;

}  // namespace royong::inline v0::detail
