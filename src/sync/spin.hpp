// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Spinner: a short wait awake, before a wait asleep.
 */
#pragma once

#include <sched.h>

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint8_t

namespace royong::inline v0::sync {

/// Tells the processor that this is a spin: its sibling gets the resources, and leaving the loop costs no pipeline flush.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** @brief Whether the waits for one thing ended while their waiters were awake, lately, in this process.
 *
 *  A debt that grows by one with every spin in vain and shrinks by one with every spin that paid. At the most, nobody spins: more than half of the spins
 *  were in vain, and one costs as much as the sleep that it might have saved. Every 32nd wait spins all the same, to see whether times have changed.
 *
 *  It learns *whether* to spin and never *how long*: a spin shorter than a sleep and a wake-up makes both sides of a
 *  hand-over sleep for ever, once a hiccup has sent them to sleep, because neither outlasts the other's waking up.
 *
 *  Zero-filled is full of hope. Updates by several threads may be lost: it is an estimate. Kept outside of shared memory, because it is about
 *  this process (where its threads may run, whom it waits for), and because a store beside the word that is waited for would slow down whoever writes that.
 */
class SpinHistory {
 public:
  /// How the waits for what lies at `place` went. Two places may share one.
  static SpinHistory& of(const void* place) noexcept;

  bool advises_spinning() noexcept {
    const auto seen = state_.load(std::memory_order_relaxed);
    if ((seen & debt_mask) != most) return true;
    state_.store(static_cast<std::uint8_t>(seen + one_skip), std::memory_order_relaxed);  // wraps
    return seen >= static_cast<std::uint8_t>(~debt_mask);
  }

  void record(bool paid) noexcept {
    const auto seen = state_.load(std::memory_order_relaxed);
    const auto debt = seen & debt_mask;
    auto next = debt;
    if (!paid) {
      next = debt == most ? most : debt + 1;
    } else if (debt != 0) {
      next = debt == most ? most / 2 : debt - 1;
    }
    // Not stored when it says the same already: the line stays in every core's cache.
    if (next != debt) state_.store(static_cast<std::uint8_t>(next), std::memory_order_relaxed);
  }

  /// A spin that lost its processor to somebody else for long: nobody spins for a while, because who sleeps gets a processor sooner.
  void record_crowd() noexcept {
    state_.store(static_cast<std::uint8_t>(most), std::memory_order_relaxed);
  }

 private:
  // Bits 0-2 the debt, 3-7 how many waits have gone by without a spin since it was at its most.
  static constexpr std::uint8_t debt_mask = 7;
  static constexpr int most = 7;
  static constexpr std::uint8_t one_skip = 8;

  std::atomic<std::uint8_t> state_;
};

/** @brief One wait's budget of looks at a word before it goes to sleep.
 *
 *  A sleep across cores costs as much as a hundred hot round trips, so a wait that ends soon should stay awake; but one that
 *  stays awake on the only core keeps the one it waits for from running. Hence: nothing where this thread may run on one core alone, pauses that grow (a word that is read all the
 *  time is slow to write), and `sched_yield` in between, for the case that both sides share a core after all.
 *
 *  Given the place that is waited for it is adaptive: see SpinHistory. A wait that it outlives counts as a spin that paid.
 */
class Spinner {
 public:
  /// @param rounds each of them about a microsecond, once the pauses have grown: 64 outlast a sleep and a wake-up
  explicit Spinner(int rounds) noexcept : left_(several_processors() ? rounds : 0) {}

  /// @param place what is waited for: an address of this process
  Spinner(int rounds, const void* place) noexcept : Spinner(rounds) {
    if (left_ <= 0) return;
    history_ = &SpinHistory::of(place);
    if (!history_->advises_spinning()) left_ = 0;
  }

  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

  ~Spinner() {
    if (history_ && left_ > 0 && round_ > 0) history_->record(true);
  }

  /// The pauses are as long as they get from the first one on: for a word that is written often, where one look may find much.
  void look_from_afar() noexcept { pauses_ = longest; }

  /** @brief Yields after a few short pauses already: where both sides share a processor, one of them waits for the other's spin to end.
   *
   *  For turns that are taken one after the other. Where both are awake on processors of their own it costs one system call.
   */
  void yield_soon() noexcept { soon_ = 4; }

  /// Waits a moment. @return false when the budget is used up: sleep now
  bool once() noexcept {
    if (left_ <= 0) {
      if (!over_) give_up();
      return false;
    }
    --left_;
    if (++round_ == soon_) {
      ::sched_yield();
      return true;
    }
    if (round_ % 16 == 0) {
      // One processor that both sides share: the yield would let each of them look only after the other's sixteen rounds.
      count_processors();
      if (!several_processors()) left_ = 0;
      ::sched_yield();
      return true;
    }
    for (int i = 0; i < pauses_; ++i) pause();
    if (pauses_ < longest) pauses_ *= 2;
    return true;
  }

 private:
  static constexpr int longest = 64;

  /** Whether this thread may run on more than one processor.
   *
   *  Counted anew whenever a spin yields, so that a thread that was moved to one processor stops spinning at once; and, where it
   *  does not spin for having one alone, with every sixteenth sleep, so that it learns of more.
   */
  static bool several_processors() noexcept;
  static void count_processors() noexcept;
  static void count_processors_sometimes() noexcept;

  void give_up() noexcept {
    over_ = true;
    if (history_ && round_ > 0) history_->record(false);
    if (!several_processors()) count_processors_sometimes();
  }

  int left_;
  int round_ = 0;
  int soon_ = 0;  ///< the round that yields beside every sixteenth; 0: none
  int pauses_ = 1;
  bool over_ = false;
  SpinHistory* history_ = nullptr;
};

}  // namespace royong::inline v0::sync
