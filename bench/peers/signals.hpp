// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Ways to say "now" to another process: the hand-written limits and what other libraries offer. Each lies in shared memory.
 *
 *  A signal has `set()`, and `wait()`, which waits until it is set and clears it. One waiter.
 */
#pragma once

#include "locks.hpp"

#if __has_include(<boost/interprocess/sync/interprocess_condition.hpp>)
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#endif

namespace royong_bench {

/// The limit of what waiting awake can reach.
class SpinSignal {
 public:
  void set() { word_.store(1, std::memory_order_release); }
  void wait() {
    while (word_.load(std::memory_order_acquire) == 0) spin_pause();
    word_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

/// The limit of what waiting asleep can reach: it sleeps at once, and is woken only if it does.
class FutexSignal {
 public:
  void set() {
    if (word_.exchange(kSet, std::memory_order_acq_rel) == kAsleep) futex(word_, FUTEX_WAKE, 1);
  }
  void wait() {
    for (;;) {
      std::uint32_t seen = kClear;
      if (word_.compare_exchange_strong(seen, kAsleep, std::memory_order_acq_rel)) seen = kAsleep;
      if (seen == kSet) break;
      futex(word_, FUTEX_WAIT, kAsleep);
    }
    word_.store(kClear, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kClear = 0, kSet = 1, kAsleep = 2;
  std::atomic<std::uint32_t> word_{kClear};
};

class SemaphoreSignal {
 public:
  SemaphoreSignal() {
    if (::sem_init(&semaphore_, 1, 0) != 0) throw std::runtime_error("cannot make a semaphore");
  }
  void set() { ::sem_post(&semaphore_); }
  void wait() {
    while (::sem_wait(&semaphore_) != 0) {
    }
  }

 private:
  sem_t semaphore_;
};

/// A flag under a process-shared mutex with a condition variable: how an event is made of pthreads.
class ConditionSignal {
 public:
  ConditionSignal() {
    pthread_mutexattr_t mutex_attributes;
    ::pthread_mutexattr_init(&mutex_attributes);
    ::pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutex_init(&mutex_, &mutex_attributes);
    ::pthread_mutexattr_destroy(&mutex_attributes);
    pthread_condattr_t condition_attributes;
    ::pthread_condattr_init(&condition_attributes);
    ::pthread_condattr_setpshared(&condition_attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_cond_init(&condition_, &condition_attributes);
    ::pthread_condattr_destroy(&condition_attributes);
  }
  void set() {
    ::pthread_mutex_lock(&mutex_);
    set_ = true;
    ::pthread_mutex_unlock(&mutex_);
    ::pthread_cond_signal(&condition_);
  }
  void wait() {
    ::pthread_mutex_lock(&mutex_);
    while (!set_) ::pthread_cond_wait(&condition_, &mutex_);
    set_ = false;
    ::pthread_mutex_unlock(&mutex_);
  }

 private:
  pthread_mutex_t mutex_;
  pthread_cond_t condition_;
  bool set_ = false;
};

#ifdef HAVE_BOOST_INTERPROCESS
class BoostSignal {
 public:
  void set() {
    {
      const boost::interprocess::scoped_lock guard(mutex_);
      set_ = true;
    }
    condition_.notify_one();
  }
  void wait() {
    boost::interprocess::scoped_lock<BoostLock> guard(mutex_);
    while (!set_) condition_.wait(guard);
    set_ = false;
  }

 private:
  BoostLock mutex_;
  boost::interprocess::interprocess_condition condition_;
  bool set_ = false;
};
#endif

}  // namespace royong_bench
