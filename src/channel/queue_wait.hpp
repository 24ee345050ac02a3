// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How a thread waits for an end of a queue, and how the other end wakes it: of queues and of pipes.
 */
#pragma once

#include <atomic>   // for std::atomic_thread_fence
#include <cstddef>  // for std::size_t
#include <utility>  // for std::exchange

#include "royong/timeout.hpp"
#include "sync/eventcount.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::channel {

/// What a wait is for.
enum class For { message, room, end };

/** Whether this thread has put something since it last waited for something: then what it waits for now may well be the answer, and the
 *  processes take turns. Else messages flow, and the wait is one from afar: every look takes the line of `tail` away from the producers, and the next put pays for its
 *  return. Who looks seldom finds many messages at a time.
 */
inline constinit thread_local bool expects_answer = false;

/** @brief Until when a wait may wait for a lock as well: whoever holds it may be stopped.
 *
 *  Who only looks has no limit: it must see what was put, also while others hold the lock for their few instructions.
 */
inline Timeout::Clock::time_point lock_deadline(Timeout timeout) noexcept {
  return timeout.is_poll() ? Timeout::Clock::time_point::max() : timeout.deadline();
}

/** @brief Repeats `attempt` until it has done something; in between, while `hopeless`, it spins and then sleeps on `events`.
 *  @param refuse_closed  throws when this process has closed its end; asked before each sleep
 *  @return how much was done; 0 (or false): the time was over
 */
template <For what, class Attempt, class Hopeless, class RefuseClosed>
auto wait_for(Attempt attempt, Hopeless hopeless, sync::EventCount& events, Timeout timeout,
              RefuseClosed refuse_closed) -> decltype(attempt()) {
  constexpr int spin_rounds = 200;
  // So many looks at the shortest distance come first when an answer is expected: a few microseconds.
  constexpr int hasty_looks = 100;
  refuse_closed();
  if (const auto done = attempt(); done || timeout.is_poll()) return done;
  const auto deadline = timeout.deadline();
  int haste = what == For::message && std::exchange(expects_answer, false) ? hasty_looks : 0;
  sync::Spinner spinner(spin_rounds, &events);
  if (what == For::message) haste == 0 ? spinner.look_from_afar() : spinner.yield_soon();
  while (spinner.once()) {
    for (; haste > 0 && hopeless(); --haste) sync::pause();
    if (hopeless()) continue;
    if (const auto done = attempt()) return done;
  }
  for (;;) {
    const auto key = events.prepare();
    refuse_closed();
    if (const auto done = attempt()) {
      // Passed on: the wake-up of somebody who was killed before acting on it may be among those we got; and a
      // poll takes nothing.
      if (!hopeless()) events.notify_one();
      return done;
    }
    if (!events.wait(key, deadline)) return attempt();
  }
}

/** @brief Whether somebody may be asleep, for who has just released the lock under which it published.
 *
 *  Stands for the fence of `notify`: a robust mutex is released by an atomic read-modify-write, which on x86 is a full fence. Elsewhere it is none.
 */
inline bool has_sleepers_after_unlock(const sync::EventCount& events) noexcept {
#if defined(__x86_64__)
  std::atomic_signal_fence(std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  return (events.word.load(std::memory_order_relaxed) & 1) != 0;
}

/// Wakes whom so many changes concern. A full fence comes with it, for looks at bells.
inline void notify_after_unlock(sync::EventCount& events, std::size_t changes) noexcept {
  if (!has_sleepers_after_unlock(events)) return;
  changes == 1 ? events.notify_one() : events.notify_all();
}

}  // namespace royong::inline v0::channel
