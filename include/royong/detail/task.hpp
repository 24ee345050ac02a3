// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Task: what the scheduler of a pool knows about one submitted call.
 */
#pragma once

#include <cstdint>  // for std::uint32_t, std::uint64_t

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// Where a task is. The last four are final: a task reaches exactly one of them, once.
enum class TaskPhase : std::uint8_t {
  pending,    ///< in the pool's backlog
  given,      ///< in a worker's ring: not begun or running, which only the ring's entry tells
  done,       ///< its function returned
  failed,     ///< an exception escaped, or the pool could not run it
  cancelled,  ///< taken away before it ran, aborted, or the pool was terminated
  lost,       ///< its worker died while it ran (also: was killed because its time was over)
};

/// A node of the scheduler's lists. In the pool's process only, guarded by the pool's mutex.
struct Task {
  Task* previous = nullptr;
  Task* next = nullptr;
  std::uint64_t sequence = 0;  ///< number of the last time it was given
  std::uint64_t position = 0;  ///< of its entry in the worker's ring
  std::uint64_t end = 0;       ///< of its entry
  std::uint32_t worker = 0;    ///< whose ring, while given
  TaskPhase phase = TaskPhase::pending;
  bool timed = false;      ///< has a time limit
  bool timed_out = false;  ///< its worker was killed because the limit passed
  bool aborted = false;    ///< its worker is being stopped because nobody wants it any more
  bool bound = false;      ///< in a cluster: runs on the node `worker`, and nowhere else
  int retries = 0;         ///< how many deaths it survives
  int deaths = 0;          ///< workers that died running it, for a map: running the same element
  std::uint32_t death_element = 0;
};

/// A list through the tasks themselves: order of insertion, removal anywhere, no allocation.
class TaskList {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::uint32_t size() const noexcept { return size_; }
  Task* front() const noexcept { return first_; }
  Task* back() const noexcept { return last_; }

  void push_back(Task& task) noexcept {
    task.previous = last_;
    task.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &task;
    last_ = &task;
    ++size_;
  }
  void push_front(Task& task) noexcept {
    task.previous = nullptr;
    task.next = first_;
    (first_ != nullptr ? first_->previous : last_) = &task;
    first_ = &task;
    ++size_;
  }
  void remove(Task& task) noexcept {
    (task.previous != nullptr ? task.previous->next : first_) = task.next;
    (task.next != nullptr ? task.next->previous : last_) = task.previous;
    task.previous = task.next = nullptr;
    --size_;
  }

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;
  std::uint32_t size_ = 0;
};

}  // namespace royong::inline v0::detail
