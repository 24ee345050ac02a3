// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Tasks through rings in shared memory, results through rings back: less than row T1 needs. No futures, no crash safety.
 */
#pragma once

#include <algorithm>  // for std::min
#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <cstdint>    // for std::uint64_t

#include "peers/workers.hpp"

namespace royong_bench {

/** @brief One producer, one consumer. Each side keeps its own place private and publishes it now and then.
 *
 *  Invariant: published <= taken + kSize. Indices only grow; `published` is the producer's to write (release), `taken` the
 *  consumer's (release); each reads the other's with acquire.
 */
template <class T>
struct Ring {
  static constexpr std::uint64_t kSize = 4096;
  alignas(128) std::atomic<std::uint64_t> published{0};
  alignas(128) std::atomic<std::uint64_t> taken{0};
  alignas(128) std::array<T, kSize> slots{};
};

/// The producer's private end.
template <class T>
class Producer {
 public:
  Producer(Ring<T>& ring, std::uint64_t batch) : ring_(&ring), batch_(batch) {}
  bool push(T value) {
    if (next_ - taken_ == Ring<T>::kSize) {
      publish();
      taken_ = ring_->taken.load(std::memory_order_acquire);
      if (next_ - taken_ == Ring<T>::kSize) return false;
    }
    ring_->slots[next_ % Ring<T>::kSize] = value;
    if (++next_ - published_ >= batch_) publish();
    return true;
  }
  void publish() {
    if (published_ == next_) return;
    ring_->published.store(next_, std::memory_order_release);
    published_ = next_;
  }

 private:
  Ring<T>* ring_;
  std::uint64_t batch_, next_ = 0, published_ = 0, taken_ = 0;
};

/// The consumer's private end.
template <class T>
class Consumer {
 public:
  explicit Consumer(Ring<T>& ring) : ring_(&ring) {}
  /// Calls f with all that was published. @return how many
  template <class F>
  std::uint64_t take_all(F f) {
    const auto end = ring_->published.load(std::memory_order_acquire);
    const auto count = end - next_;
    for (; next_ != end; ++next_) f(ring_->slots[next_ % Ring<T>::kSize]);
    if (count != 0) ring_->taken.store(next_, std::memory_order_release);
    return count;
  }

 private:
  Ring<T>* ring_;
  std::uint64_t next_ = 0;
};

/// What travels: a function of the program and its argument. Workers are forks, so the address is the same.
struct RingTask {
  std::uint64_t (*function)(std::uint64_t);
  std::uint64_t argument;
};

/// Processes that run tasks; each has a ring of tasks and a ring of results.
class RingPool {
 public:
  /// @param batch  how many tasks, or results, are published by one store: 1 is each at once
  RingPool(int processes, std::uint64_t batch)
      : tasks_(static_cast<std::size_t>(processes)),
        results_(static_cast<std::size_t>(processes)),
        workers_(processes, [=, this](std::size_t i) { serve(tasks_[i], results_[i], batch); }) {
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      producers_.emplace_back(tasks_[i], batch);
      consumers_.emplace_back(results_[i]);
    }
  }

  /// Runs function(i) for i below count. @return the sum of the results
  std::uint64_t run(std::uint64_t (*function)(std::uint64_t), std::uint64_t count) {
    std::uint64_t sum = 0, done = 0, next = 0;
    Patience patience;
    const auto drain = [&] {
      const auto before = done;
      for (auto& consumer : consumers_)
        done += consumer.take_all([&](std::uint64_t result) { sum += result; });
      return done != before;
    };
    while (next < count) {
      const auto before = next;
      for (auto& producer : producers_) {  // So many to each in turn.
        const auto end = std::min(count, next + 64);
        while (next < end && producer.push({function, next})) ++next;
      }
      patience.after(drain() || next != before);
    }
    for (auto& producer : producers_) producer.publish();
    while (done < count) patience.after(drain());
    return sum;
  }

 private:
  [[noreturn]] static void serve(Ring<RingTask>& tasks, Ring<std::uint64_t>& results,
                                 std::uint64_t batch) {
    Consumer<RingTask> consumer(tasks);
    Producer<std::uint64_t> producer(results, batch);
    for (Patience patience;;) {
      const auto count = consumer.take_all([&](const RingTask& task) {
        const auto result = task.function(task.argument);
        while (!producer.push(result)) patience.after(false);
      });
      if (count != 0) producer.publish();
      patience.after(count != 0);
    }
  }

  Shared<Ring<RingTask>> tasks_;
  Shared<Ring<std::uint64_t>> results_;
  Workers workers_;
  std::vector<Producer<RingTask>> producers_;
  std::vector<Consumer<std::uint64_t>> consumers_;
};

}  // namespace royong_bench
