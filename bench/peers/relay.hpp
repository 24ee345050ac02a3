// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Relay: a process that answers each number with the same number over two words of shared memory, and does nothing else.
 *
 *  It stands for a worker behind an agent: what remains of a pool when tasks, results, futures and crash safety are left out.
 */
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint64_t
#include <cstdio>   // for std::perror
#include <cstdlib>  // for std::exit
#include <new>      // for placement new

namespace royong_bench {

class Relay {
 public:
  Relay() {
    void* const memory =
        ::mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || (words_ = ::new (memory) Words, child_ = ::fork()) < 0) {
      std::perror("cannot start the relay");
      std::exit(1);
    }
    if (child_ != 0) return;
    for (std::uint64_t number = 0; number != end;) {
      number = changed(words_->there, number);
      words_->back.store(number, std::memory_order_release);
    }
    ::_exit(0);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() {
    words_->there.store(end);
    ::waitpid(child_, nullptr, 0);
    ::munmap(words_, sizeof(Words));
  }

  /// There and back. The numbers count from 1.
  std::uint64_t ask(std::uint64_t number) {
    words_->there.store(number, std::memory_order_release);
    return changed(words_->back, number - 1);
  }

 private:
  static constexpr std::uint64_t end = ~std::uint64_t{0};
  struct Words {
    alignas(128) std::atomic<std::uint64_t> there{0};
    alignas(128) std::atomic<std::uint64_t> back{0};
  };

  /// Yields, because there may be fewer processors than processes that wait awake.
  static std::uint64_t changed(const std::atomic<std::uint64_t>& word, std::uint64_t from) {
    std::uint64_t seen = from;
    while ((seen = word.load(std::memory_order_acquire)) == from) ::sched_yield();
    return seen;
  }

  Words* words_ = nullptr;
  pid_t child_ = 0;
};

}  // namespace royong_bench
