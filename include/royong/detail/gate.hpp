// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Gate: waits for the first of many tasks, of any engines.
 */
#pragma once

#include <atomic>    // for std::atomic
#include <cstddef>   // for std::size_t
#include <memory>    // for std::unique_ptr
#include <mutex>     // for std::mutex
#include <optional>  // for std::optional
#include <vector>    // for std::vector

#include "royong/detail/task_state.hpp"

namespace royong::inline v0::detail {

/** @brief Says which of its tasks have ended, in the order in which they do.
 *
 *  One thread waits. The states must live as long as the gate.
 */
class ROYONG_API Gate {
 public:
  explicit Gate(std::vector<TaskState*> states);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// The number of the next task that has ended; nothing when the time is over, or none is left.
  std::optional<std::size_t> next(Timeout::Clock::time_point deadline);
  /// How many have not been told by `next`.
  std::size_t remaining() const noexcept { return remaining_; }

 private:
  struct Hook final : CompletionHook {
    void completed() noexcept override { gate->note(*this); }
    Gate* gate = nullptr;
  };

  void note(const Hook& hook) noexcept;
  TaskEngine* some_engine();

  const std::vector<TaskState*> states_;
  const std::unique_ptr<Hook[]> hooks_;
  std::size_t remaining_;
  std::size_t first_live_ = 0;

  std::mutex mutex_;  // guards what follows; after an engine's
  std::vector<std::size_t> ended_;
  std::size_t told_ = 0;
  TaskEngine* waiting_in_ = nullptr;
  std::atomic<std::uint32_t> flag_{0};
};

}  // namespace royong::inline v0::detail
