// SPDX-License-Identifier: Apache-2.0
#include "memory/robust_mutex.hpp"

#include <linux/futex.h>

#include <atomic>  // for std::atomic_ref
#include <cerrno>  // for EOWNERDEAD, ETIMEDOUT
#include <ctime>   // for timespec

#include "os/error.hpp"

namespace royong::inline v0::memory {
namespace {

class Attributes {
 public:
  Attributes() {
    check(::pthread_mutexattr_init(&value_));
    const int errors[] = {
        ::pthread_mutexattr_setpshared(&value_, PTHREAD_PROCESS_SHARED),
        ::pthread_mutexattr_setrobust(&value_, PTHREAD_MUTEX_ROBUST),
        // Locking twice is then an error that is told and not a process that hangs; it costs
        // nothing, robust locking looks at the owner anyway.
        ::pthread_mutexattr_settype(&value_, PTHREAD_MUTEX_ERRORCHECK),
    };
    for (const int error : errors) check(error);
  }
  ~Attributes() { ::pthread_mutexattr_destroy(&value_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const pthread_mutexattr_t* get() const { return &value_; }

 private:
  static void check(int error) {
    if (error != 0) os::throw_error(error, "cannot prepare", "a shared mutex");
  }
  pthread_mutexattr_t value_;
};

}  // namespace

void init_robust(pthread_mutex_t& mutex) {
  const Attributes attributes;
  if (const int error = ::pthread_mutex_init(&mutex, attributes.get())) {
    os::throw_error(error, "cannot initialise", "a shared mutex");
  }
}

bool looks_locked(const pthread_mutex_t& mutex) noexcept {
  // The kernel leaves FUTEX_OWNER_DIED without a thread id: that one is to be had.
  const auto word =
      std::atomic_ref(const_cast<int&>(mutex.__data.__lock)).load(std::memory_order_relaxed);
  return (static_cast<unsigned>(word) & FUTEX_TID_MASK) != 0;
}

RobustGuard::RobustGuard(pthread_mutex_t& mutex) : mutex_(mutex) {
  settle(::pthread_mutex_lock(&mutex_));
}

RobustGuard::RobustGuard(pthread_mutex_t& mutex, std::try_to_lock_t) : mutex_(mutex) {
  const int error = ::pthread_mutex_trylock(&mutex_);
  if (error != EBUSY) settle(error);
}

RobustGuard::RobustGuard(pthread_mutex_t& mutex, std::chrono::steady_clock::time_point deadline)
    : mutex_(mutex) {
  if (deadline == deadline.max()) {
    settle(::pthread_mutex_lock(&mutex_));
    return;
  }
  const auto since = deadline.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec until{.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
  const int error = ::pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
  if (error != ETIMEDOUT) settle(error);
}

void RobustGuard::settle(int error) {
  owner_died_ = error == EOWNERDEAD;
  if (error != 0 && !owner_died_) os::throw_error(error, "cannot lock", "a shared mutex");
  owns_ = true;
  if (owner_died_) ::pthread_mutex_consistent(&mutex_);
}

RobustGuard::~RobustGuard() {
  if (!owns_) return;
  if (const int error = ::pthread_mutex_unlock(&mutex_)) {
    errno = error;
    os::report_errno("cannot unlock", "a shared mutex");
  }
}

}  // namespace royong::inline v0::memory
