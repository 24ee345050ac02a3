// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Locks that processes share: the hand-written limit and what other libraries offer. Each lies in shared memory.
 */
#pragma once

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>     // for std::atomic
#include <cerrno>     // for EOWNERDEAD
#include <climits>    // for INT_MAX
#include <cstdint>    // for std::uint32_t
#include <stdexcept>  // for std::runtime_error

#if __has_include(<boost/interprocess/sync/interprocess_mutex.hpp>)
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#define HAVE_BOOST_INTERPROCESS
#endif

namespace royong_bench {

inline long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  return ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** @brief The limit: a word that holds its owner and a bit for sleepers, and nothing else.
 *
 *  No time limits, no check of who releases, no word about dead owners.
 */
class BareLock {
 public:
  /// Call it first in each process.
  static void identify() { self_ = static_cast<std::uint32_t>(::getpid()); }

  void lock() {
    std::uint32_t nobody = 0;
    if (!word_.compare_exchange_strong(nobody, self_, std::memory_order_acquire)) lock_slow();
  }
  void unlock() {
    if ((word_.exchange(0, std::memory_order_release) & kSleepers) != 0)
      futex(word_, FUTEX_WAKE, 1);
  }

 private:
  static constexpr std::uint32_t kSleepers = 1u << 31;
  static constexpr int kSpins = 64;
  static constexpr int kLongestPause = 64;

  static inline std::uint32_t self_ = 0;

  void lock_slow() {
    std::uint32_t others = 0;
    int pauses = 1;
    for (int round = 0;; ++round) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      if ((seen & ~kSleepers) == 0) {
        if (word_.compare_exchange_weak(seen, self_ | others, std::memory_order_acquire)) return;
      } else if (round < kSpins) {
        for (int i = 0; i < pauses; ++i) spin_pause();
        if (pauses < kLongestPause) pauses *= 2;
      } else if ((seen & kSleepers) != 0 ||
                 word_.compare_exchange_weak(seen, seen | kSleepers, std::memory_order_relaxed)) {
        futex(word_, FUTEX_WAIT, seen | kSleepers);
        others = kSleepers;
      }
    }
  }

  std::atomic<std::uint32_t> word_{0};
};

/// A process-shared pthread mutex, plain or robust.
template <int robustness>
class PthreadLock {
 public:
  PthreadLock() {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, robustness);
    ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
  }
  void lock() {
    if (::pthread_mutex_lock(&mutex_) == EOWNERDEAD) ::pthread_mutex_consistent(&mutex_);
  }
  void unlock() { ::pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

/// A POSIX semaphore of one permit.
class SemaphoreLock {
 public:
  SemaphoreLock() {
    if (::sem_init(&semaphore_, 1, 1) != 0) throw std::runtime_error("cannot make a semaphore");
  }
  void lock() {
    while (::sem_wait(&semaphore_) != 0) {
    }
  }
  void unlock() { ::sem_post(&semaphore_); }

 private:
  sem_t semaphore_;
};

#ifdef HAVE_BOOST_INTERPROCESS
using BoostLock = boost::interprocess::interprocess_mutex;
#endif

}  // namespace royong_bench
