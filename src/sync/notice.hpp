// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Notice: the one word between a waiter of a Condition and who notifies it.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <climits>  // for INT_MAX
#include <cstdint>  // for std::uint32_t

#include "os/futex.hpp"
#include "royong/detail/lock_word.hpp"
#include "royong/timeout.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0::sync {

/** @brief Whether a waiter was notified, and what it sleeps on until then. In shared memory; zero-filled is awake.
 *
 *      waiter:   awake -> asleep                 before each sleep; it sleeps only while the word says so
 *      notifier: awake -> given                  nobody has to be woken
 *                asleep -> unheard -> given      the second step says who wakes it: never two
 *
 *  The first step of the notifier commits. From then on the waiter goes on whenever it looks, and needs the lock to do so: so it is
 *  not woken at once but by the release of the lock (`LockWord::wake_at_release`). The steps are two because the first is made under a lock under which nobody is
 *  woken.
 *
 *  | the process dies                          | what is there                 | who repairs |
 *  |-------------------------------------------|-------------------------------|-------------|
 *  | a notifier before its first step          | a waiter that was not notified | nothing to do |
 *  | between the two                           | unheard, and a sleeper        | it looks again when its slice ends, or at the death broadcast |
 *  | after the second, before the lock knows   | given, and a sleeper          | the same |
 *  | after that                                | a debt of the lock            | lock_word.hpp: the same, or the sweep, or the next release |
 *  | the waiter                                | any of these                  | who buries it passes the notification on (condition.cpp) |
 *
 *  tests/model explores all of this in every order.
 */
class Notice {
 public:
  /// For one more wait. Only while nobody can notify.
  void clear() noexcept { word_.store(awake); }

  /// acquire: who finds it given sees what the notifier wrote before, of the entry that this is a part of.
  bool is_given() const noexcept { return word_.load(std::memory_order_acquire) >= given; }

  /// Notifies, unless that has been done. What is left to do is for `wake_at_release` or `wake_now`.
  void give() noexcept {
    auto seen = word_.load(std::memory_order_relaxed);
    while (seen < given &&
           !word_.compare_exchange_weak(seen, seen == asleep ? unheard : given,
                                        std::memory_order_release, std::memory_order_relaxed)) {
    }
  }

  /// If it was notified in its sleep and nobody has seen to its being woken: by the release of `lock`, which the caller owns.
  void wake_at_release(detail::LockWord& lock) noexcept {
    if (take_charge()) lock.wake_at_release(word_);
  }
  /// The same, at once: for who does not own the lock.
  void wake_now() noexcept {
    if (take_charge()) os::futex_wake(word_, 1);
  }
  /// The death broadcast: who was to wake it may be dead.
  void wake_after_a_death() noexcept { os::futex_wake(word_, INT_MAX); }

  enum class Sleep { given, ended, too_late };
  /// The waiter: sleeps until notified, for one slice at the most. `too_late`: the deadline had passed
  Sleep sleep(Timeout::Clock::time_point deadline) {
    std::uint32_t seen = awake;
    if (!word_.compare_exchange_strong(seen, asleep, std::memory_order_acquire) && seen >= given) {
      return Sleep::given;
    }
    if (!sleep_slice(word_, asleep, deadline)) return Sleep::too_late;
    return is_given() ? Sleep::given : Sleep::ended;
  }

 private:
  enum : std::uint32_t { awake = 0, asleep, given, unheard };

  bool take_charge() noexcept {
    std::uint32_t seen = unheard;
    return word_.compare_exchange_strong(seen, given, std::memory_order_acq_rel);
  }

  std::atomic<std::uint32_t> word_;
};

}  // namespace royong::inline v0::sync
