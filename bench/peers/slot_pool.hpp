// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Tasks through rings, each with a slot of its own for its result: the least that a future needs. The limit of row T1.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <vector>   // for std::vector

#include "peers/task_ring.hpp"
#include "peers/workers.hpp"

namespace royong_bench {

/// Where one task's result goes. `ready` (release) says that `value` is there.
struct Slot {
  std::atomic<bool> ready{false};
  std::uint64_t value = 0;
};

/// Processes that run tasks; a ring of tasks for each, and slots that the caller looks at one after the other.
class SlotPool {
 public:
  /// @param batch  how many tasks are published by one store: 1 is each at once
  SlotPool(int processes, std::uint64_t batch, std::uint64_t most_tasks)
      : slots_(most_tasks),
        tasks_(static_cast<std::size_t>(processes)),
        workers_(processes, [this](std::size_t i) { serve(tasks_[i], slots_); }) {
    for (std::size_t i = 0; i < tasks_.size(); ++i) producers_.emplace_back(tasks_[i], batch);
  }

  /// Runs function(i) for i below count. @return the sum of the results
  std::uint64_t run(std::uint64_t (*function)(std::uint64_t), std::uint64_t count) {
    Patience patience;
    for (std::uint64_t i = 0; i < count; ++i) {
      slots_[i].ready.store(false, std::memory_order_relaxed);
      while (!producers_[i / 64 % producers_.size()].push({function, i})) patience.after(false);
      patience.after(true);
    }
    for (auto& producer : producers_) producer.publish();
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      while (!slots_[i].ready.load(std::memory_order_acquire)) patience.after(false);
      patience.after(true);
      sum += slots_[i].value;
    }
    return sum;
  }

 private:
  [[noreturn]] static void serve(Ring<RingTask>& tasks, const Shared<Slot>& slots) {
    Consumer<RingTask> consumer(tasks);
    for (Patience patience;;) {
      const auto count = consumer.take_all([&](const RingTask& task) {
        Slot& slot = slots[task.argument];
        slot.value = task.function(task.argument);
        slot.ready.store(true, std::memory_order_release);
      });
      patience.after(count != 0);
    }
  }

  Shared<Slot> slots_;
  Shared<Ring<RingTask>> tasks_;
  Workers workers_;
  std::vector<Producer<RingTask>> producers_;
};

}  // namespace royong_bench
