// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Processes that square integers in shared memory: the limit of row T2. No crash safety.
 */
#pragma once

#include <algorithm>  // for std::min, std::copy_n
#include <atomic>     // for std::atomic
#include <cstddef>    // for std::size_t
#include <vector>     // for std::vector

#include "peers/workers.hpp"

namespace royong_bench {

/** @brief Chunks of one array squared into another; worker w does every n-th chunk, beginning with chunk w.
 *
 *  `ready` of a chunk holds the round in which its input was complete, `done` the round in which its output was.
 */
class SquareWorkers {
 public:
  static constexpr std::size_t kChunk = 32768;

  SquareWorkers(int processes, std::size_t count)
      : count_(count),
        step_(static_cast<std::size_t>(processes)),
        input_(count),
        output_(count),
        marks_((count + kChunk - 1) / kChunk),
        workers_(processes, [this](std::size_t worker) { serve(worker); }) {}

  /// Copies in, squares, copies out into a new vector.
  std::vector<int> map(const std::vector<int>& values) {
    ++round_;
    for (std::size_t chunk = 0; chunk < marks_.size(); ++chunk) {
      const auto first = chunk * kChunk;
      std::copy_n(values.data() + first, length(chunk), input_.data() + first);
      marks_[chunk].ready.store(round_, std::memory_order_release);
    }
    std::vector<int> results(count_);
    for (std::size_t chunk = 0; chunk < marks_.size(); ++chunk) {
      const auto first = chunk * kChunk;
      wait_for(marks_[chunk].done, round_);
      std::copy_n(output_.data() + first, length(chunk), results.data() + first);
    }
    return results;
  }

  /// Squares what lies in input() into output().
  void square_in_place() {
    ++round_;
    for (std::size_t chunk = 0; chunk < marks_.size(); ++chunk)
      marks_[chunk].ready.store(round_, std::memory_order_release);
    for (std::size_t chunk = 0; chunk < marks_.size(); ++chunk)
      wait_for(marks_[chunk].done, round_);
  }

  int* input() { return input_.data(); }
  const int* output() const { return output_.data(); }

 private:
  struct Marks {
    alignas(128) std::atomic<unsigned> ready{0};
    alignas(128) std::atomic<unsigned> done{0};
  };

  std::size_t length(std::size_t chunk) const { return std::min(kChunk, count_ - chunk * kChunk); }

  static void wait_for(const std::atomic<unsigned>& mark, unsigned round) {
    for (Patience patience; mark.load(std::memory_order_acquire) != round;) patience.after(false);
  }

  [[noreturn]] void serve(std::size_t worker) {
    for (unsigned round = 1;; ++round) {
      for (auto chunk = worker; chunk < marks_.size(); chunk += step_) {
        wait_for(marks_[chunk].ready, round);
        const int* in = input_.data() + chunk * kChunk;
        int* out = output_.data() + chunk * kChunk;
        for (std::size_t i = 0, end = length(chunk); i < end; ++i) out[i] = in[i] * in[i];
        marks_[chunk].done.store(round, std::memory_order_release);
      }
    }
  }

  std::size_t count_, step_;
  unsigned round_ = 0;
  Shared<int> input_, output_;
  Shared<Marks> marks_;
  Workers workers_;
};

}  // namespace royong_bench
