// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The limit of row T5: one process that adds one to the number in a mailbox.
 */
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t

#include "workers.hpp"

namespace royong_bench {

/// Both sides look at a word until it changes; with `Sleep` they sleep on it.
template <bool Sleep>
class Mailbox {
 public:
  Mailbox()
      : words_(1), worker_(1, [this](std::size_t) {
          Words& words = words_[0];
          const std::uint32_t seen = wait_for_change(words.asked.word, served());
          words.number += 1;
          words.answered.word.store(seen, std::memory_order_release);
          wake(words.answered.word);
        }) {}

  std::uint64_t ask(std::uint64_t number) {
    Words& words = words_[0];
    words.number = number;
    const std::uint32_t before = words.asked.word.load(std::memory_order_relaxed);
    words.asked.word.store(before + 1, std::memory_order_release);
    wake(words.asked.word);
    wait_for_change(words.answered.word, before);
    return words.number;
  }

 private:
  struct alignas(128) Word {
    std::atomic<std::uint32_t> word{0};
  };
  struct Words {
    Word asked;
    Word answered;
    std::uint64_t number = 0;
  };

  std::uint32_t served() const { return words_[0].answered.word.load(std::memory_order_relaxed); }

  static std::uint32_t wait_for_change(std::atomic<std::uint32_t>& word, std::uint32_t old) {
    std::uint32_t now;
    Patience patience;
    while ((now = word.load(std::memory_order_acquire)) == old) {
      if constexpr (Sleep) {
        ::syscall(SYS_futex, &word, FUTEX_WAIT, old, nullptr, nullptr, 0);
      } else {
        patience.after(false);
      }
    }
    return now;
  }
  static void wake(std::atomic<std::uint32_t>& word) {
    if constexpr (Sleep) ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  Shared<Words> words_;
  Workers worker_;
};

}  // namespace royong_bench
