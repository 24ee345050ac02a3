// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The limit of row T4: processes that fill blocks of shared memory, and one that takes them in turn.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::size_t
#include <cstring>  // for std::memset

#include "workers.hpp"

namespace royong_bench {

/// Two blocks for each worker: it fills one while the other is read. No types, no futures, no safety.
class BlockWorkers {
 public:
  BlockWorkers(int processes, std::size_t block)
      : block_(block),
        count_(2 * static_cast<std::size_t>(processes)),
        full_(count_),
        bytes_(count_ * block),
        workers_(processes, [this, processes](std::size_t self) {
          const auto workers = static_cast<std::size_t>(processes);
          Patience patience;
          for (std::size_t i = self;; i += workers) {
            auto& state = full_[i % count_].at;
            while (state.load(std::memory_order_acquire) != 0) patience.after(false);
            patience.after(true);
            std::memset(bytes_.data() + (i % count_) * block_, static_cast<int>(i % 128), block_);
            state.store(i + 1, std::memory_order_release);
          }
        }) {}

  /// Calls `use(bytes)` for each block in its order.
  template <class F>
  void take(std::size_t blocks, F use) {
    Patience patience;
    for (const std::size_t end = next_ + blocks; next_ != end; ++next_) {
      auto& state = full_[next_ % count_].at;
      while (state.load(std::memory_order_acquire) != next_ + 1) patience.after(false);
      patience.after(true);
      use(bytes_.data() + (next_ % count_) * block_, next_);
      state.store(0, std::memory_order_release);
    }
  }

 private:
  struct alignas(128) State {
    std::atomic<std::size_t> at{0};
  };
  std::size_t block_;
  std::size_t count_;
  Shared<State> full_;
  Shared<char> bytes_;
  std::size_t next_ = 0;
  Workers workers_;
};

}  // namespace royong_bench
