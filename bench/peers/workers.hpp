// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Forked processes and the memory they share: what the hand-written limits of the pool's rows are made of.
 */
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>      // for std::size_t
#include <new>          // for std::bad_alloc
#include <stdexcept>    // for std::runtime_error
#include <type_traits>  // for std::is_trivially_destructible_v
#include <vector>       // for std::vector

namespace royong_bench {

/// An array of T in memory that forked children share.
template <class T>
class Shared {
 public:
  explicit Shared(std::size_t count) : count_(count) {
    static_assert(std::is_trivially_destructible_v<T>);
    void* memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = new (memory) T[count];
  }
  ~Shared() { ::munmap(static_cast<void*>(data_), bytes()); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  T* data() const { return data_; }
  T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return count_; }

 private:
  std::size_t bytes() const { return count_ * sizeof(T); }
  std::size_t count_;
  T* data_;
};

/// Children that run `body(index)` for ever; they die with this object, and with this process.
class Workers {
 public:
  template <class F>
  Workers(int count, F body) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = ::fork();
      if (pid < 0) throw std::runtime_error("cannot fork a worker");
      if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) body(static_cast<std::size_t>(i));
      }
      pids_.push_back(pid);
    }
  }
  ~Workers() {
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

 private:
  std::vector<pid_t> pids_;
};

/// One look after another: a few at full speed, then letting others run, for there may be fewer processors than processes.
class Patience {
 public:
  /// Waits for a moment, unless the last look brought something.
  void after(bool progress) {
    if (progress) {
      looks_ = 0;
    } else if (++looks_ < 64) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      ::sched_yield();
    }
  }

 private:
  int looks_ = 0;
};

}  // namespace royong_bench
