// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief EventCount: how one process waits until another changed something, and how the other one wakes it.
 *
 *  Every wait of the library goes through this (or, for locks, through the same bounded sleep on the lock's own word). There is no count of
 *  waiters that a killed waiter could leave behind; a notifier never waits for those it wakes.
 *
 *  Use:
 *
 *      while (!ready()) {                      // a look without the price of waiting; spin here if it pays
 *        const auto key = events.prepare();
 *        if (ready()) break;                   // what was published before a notifier looked at the word is seen here
 *        if (!events.wait(key, deadline)) return ready();   // the time is over: one last look
 *      }
 *
 *      publish();                              // any store
 *      events.notify_all();
 */
#pragma once

#include <algorithm>  // for std::min
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono::milliseconds
#include <climits>    // for INT_MAX
#include <cstdint>    // for std::uint32_t

#include "os/futex.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::sync {

/** The longest sleep without a look at the world.
 *
 *  A waiter that was woken and killed before it acted took a wake-up with it. The death broadcast of whoever reaps it repairs that within microseconds; this
 *  slice repairs it where nobody reaps (the parent is stopped, or dead as well).
 */
inline constexpr std::chrono::milliseconds slice{50};

/// Sleeps while `word == expected`, for one slice at the most. @return false when the deadline has passed
inline bool sleep_slice(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        Timeout::Clock::time_point deadline) {
  const auto now = Timeout::Clock::now();
  if (now >= deadline) return false;
  // Not now + slice where the deadline is max(): min() of the two never overflows.
  os::futex_wait(word, expected, std::min(deadline, now + slice));
  return true;
}

/** @brief A futex word: bit 0 says that somebody may be asleep, the rest counts notifications. Zero-filled is valid.
 *
 *  **Why no wake-up is lost.** The waiter sets the bit (A), then looks at the state (B), then sleeps only while the word is what it was at A.
 *  The notifier publishes the state (C), then looks at the bit (D). A is a read-modify-write and D a load after a
 *  fence, all of them sequentially consistent: in their single order either A comes before D, and the notifier sees the bit, or D's fence comes before A, and
 *  then B sees what C published. In the first case the notifier changes the word before it wakes: a waiter that is not asleep yet
 *  finds another word than its key and does not go to sleep.
 *
 *  **Why the bit comes back down.** A wake that woke nobody tries to clear it, by a compare-and-swap from the very value that it
 *  wrote. Somebody may have prepared since (the bit was set, so that left no trace) and be asleep on that value: so after clearing, all are woken. A waiter that reads the word after the
 *  clearing sets the bit again.
 *
 *  **If a participant dies.** A waiter leaves at most the bit: the next notification pays one system call and clears it. A notifier that dies between C and the wake leaves
 *  sleepers until their slice ends or the death broadcast comes. The broadcast does not ask the bit, which may be down already.
 *
 *  tests/model explores all of this in every order.
 *
 *  The count has 31 bits: a waiter would have to be held up between prepare and sleep for exactly 2^31 notifications to miss one, and then for one slice.
 */
struct EventCount {
  std::atomic<std::uint32_t> word;

  /// Announces a wait. Look at the state again before `wait`.
  std::uint32_t prepare() noexcept {
    // seq_cst: orders the announcement before the caller's second look (A before B above).
    const auto key = word.fetch_or(1, std::memory_order_seq_cst) | 1;
    // A compiler may sink the announcement below no later load, and x86 needs nothing more; the fence is for
    // machines where a later plain load may pass a read-modify-write.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return key;
  }

  /** @brief Sleeps until a notification that came after `prepare`, for one slice at the most.
   *  @return false when the deadline had passed; true: look at the state again
   */
  bool wait(std::uint32_t key, Timeout::Clock::time_point deadline) noexcept {
    return sleep_slice(word, key, deadline);
  }

  /// Wakes one sleeper, if there is any. For states of which one waiter takes its part.
  void notify_one() noexcept {
    // Orders the caller's publication before the look at the bit (C before D above). The line of the word
    // is only read: while nobody sleeps it stays in the caches of all notifiers.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((word.load(std::memory_order_relaxed) & 1) != 0) wake_some(1);
  }

  /// Wakes `n` sleepers, or as many as there are. For states of which each waiter takes its part.
  void notify(int n) noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (n > 0 && (word.load(std::memory_order_relaxed) & 1) != 0) wake_some(n);
  }

  /** @brief Whether somebody may be asleep: for a notifier that would rather not pay for the fence in `notify`.
   *
   *  Right only if the notifier published by a sequentially consistent read-modify-write, and the waiters look at the
   *  state by a sequentially consistent load: then C, D, A and B above are all in the single order without any fence.
   */
  bool has_sleepers() const noexcept { return (word.load(std::memory_order_seq_cst) & 1) != 0; }

  /// Wakes every sleeper.
  void notify_all() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((word.load(std::memory_order_relaxed) & 1) != 0) wake_all();
  }

  /** @brief The death broadcast: wakes every sleeper, whatever the bit says.
   *
   *  A notifier takes the bit down before it wakes. One that dies in between leaves sleepers whom no bit announces.
   */
  void wake_after_a_death() noexcept { wake_all(); }

 private:
  void wake_some(int n) noexcept {
    const auto seen = word.fetch_add(2, std::memory_order_seq_cst) + 2;
    if (os::futex_wake(word, n) != 0) return;
    auto expected = seen | 1;
    if (word.compare_exchange_strong(expected, (seen + 2) & ~1u, std::memory_order_seq_cst)) {
      os::futex_wake(word, INT_MAX);
    }
  }

  void wake_all() noexcept {
    auto seen = word.load(std::memory_order_relaxed);
    while (!word.compare_exchange_weak(seen, (seen + 2) & ~1u, std::memory_order_seq_cst)) {
    }
    os::futex_wake(word, INT_MAX);
  }
};

}  // namespace royong::inline v0::sync
