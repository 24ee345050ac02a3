// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Barriers of two processes: the hand-written limits, and pthread's. Each lies in shared memory.
 */
#pragma once

#include "locks.hpp"

namespace royong_bench {

/// The limit of what waiting awake can reach.
class SpinBarrier {
 public:
  void wait() {
    const auto round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == 1) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
    } else {
      while (round_.load(std::memory_order_acquire) == round) spin_pause();
    }
  }

 private:
  alignas(128) std::atomic<std::uint32_t> arrived_{0};
  alignas(128) std::atomic<std::uint32_t> round_{0};
};

/// The limit of what waiting asleep can reach.
class FutexBarrier {
 public:
  void wait() {
    const auto round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == 1) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      futex(round_, FUTEX_WAKE, INT_MAX);
    } else {
      while (round_.load(std::memory_order_acquire) == round) futex(round_, FUTEX_WAIT, round);
    }
  }

 private:
  std::atomic<std::uint32_t> arrived_{0};
  std::atomic<std::uint32_t> round_{0};
};

class PthreadBarrier {
 public:
  PthreadBarrier() {
    pthread_barrierattr_t attributes;
    ::pthread_barrierattr_init(&attributes);
    ::pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_barrier_init(&barrier_, &attributes, 2);
    ::pthread_barrierattr_destroy(&attributes);
  }
  void wait() { ::pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

}  // namespace royong_bench
