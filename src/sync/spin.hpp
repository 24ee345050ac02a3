// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Spinner: a short wait awake, before a wait asleep.
 */
#pragma once

#include <sched.h>

#include <thread>  // for std::thread::hardware_concurrency

namespace royong::inline v0::sync {

/// Tells the processor that this is a spin: its sibling gets the resources, and leaving the loop costs no pipeline flush.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** @brief One wait's budget of looks at a word before it goes to sleep.
 *
 *  A sleep across cores costs as much as a hundred hot round trips, so a wait that ends soon should stay awake; but one that
 *  stays awake on the only core keeps the one it waits for from running. Hence: nothing on one core, pauses that grow (a word that is read all the time is slow to write), and
 *  `sched_yield` in between, for the case that both sides share a core after all.
 */
class Spinner {
 public:
  explicit Spinner(int rounds) noexcept : left_(may_spin() ? rounds : 0) {}

  /// Waits a moment. @return false when the budget is used up: sleep now
  bool once() noexcept {
    if (left_ <= 0) return false;
    --left_;
    if (++round_ % 16 == 0) {
      ::sched_yield();
      return true;
    }
    for (int i = 0; i < pauses_; ++i) pause();
    if (pauses_ < longest) pauses_ *= 2;
    return true;
  }

 private:
  static constexpr int longest = 64;

  static bool may_spin() noexcept {
    static const bool several = std::thread::hardware_concurrency() > 1;
    return several;
  }

  int left_;
  int round_ = 0;
  int pauses_ = 1;
};

}  // namespace royong::inline v0::sync
