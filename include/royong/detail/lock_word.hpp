// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief LockWord: a mutex in one word of shared memory that says who owns it.
 *
 *  Bits: 0-29 the owning process (slot and generation; 0 is nobody), 30 abandoned, 31 somebody may be asleep.
 *
 *  Every change of state is one compare-and-swap of this one word, so there is no instant at which a death leaves it torn:
 *
 *  | the process dies                  | what the word says     | who repairs |
 *  |-----------------------------------|------------------------|-------------|
 *  | before the swap that takes it     | another owner, or none | nothing to do |
 *  | after it, before the one that frees it | the dead owner    | the sweep of whoever reaps it (`free_of_dead`), or a waiter that finds the owner dead twice, a slice apart; whoever wants it, where the sweep did not come by (the owner had dropped its handles) |
 *  | after freeing, before the wake-up | nobody                 | sleepers look again when their slice ends, or at the death broadcast |
 *  | asleep, or woken and not acting   | the sleep bit, or none | the same |
 *
 *  Beside the word lies a debt: a sleeper elsewhere who cannot go on before it owns the lock, and whom whoever releases the lock wakes (a waiter that
 *  was notified: sync/notice.hpp). Woken earlier it would find the lock taken and go back to sleep, two switches for nothing. The owner alone runs up the debt; it is paid by
 *  exchanging it for 0, so each is paid once, by whomever:
 *
 *  | the process dies                       | what is there             | who repairs |
 *  |----------------------------------------|---------------------------|-------------|
 *  | an owner, after it has run up the debt | the debt, and its own name in the word | the sweep pays it; or the next release does; the sleeper looks by itself when its slice ends |
 *  | a releaser, before it takes the debt   | the debt, a free lock     | the next release pays it; or the sleeper as above, or the death broadcast |
 *  | a releaser, after that, before the wake-up | nothing               | the sleeper as above, or the death broadcast |
 *
 *  A releaser that is late may pay the next owner's debt too: that sleeper waits for the lock like everybody else then. What a debt names may have become
 *  something else meanwhile: then somebody is woken for nothing, as every sleeper may be.
 *
 *  Not a robust pthread mutex: that is made for short inner locks (a thread may hold 2048 at the most, and it is slower when contended).
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t, std::uint64_t

#include "royong/detail/config.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// This process as the owner of a LockWord; 0 when it is no member of a family.
ROYONG_API std::uint32_t self_word() noexcept;
/// This thread of this process: unique in the family, and never the same as one of a dead process.
ROYONG_API std::uint64_t self_thread() noexcept;

struct RecursiveLockWord;

/// Zero-filled is free.
struct LockWord {
  static constexpr std::uint32_t sleepers = 1u << 31;
  static constexpr std::uint32_t abandoned_bit = 1u << 30;
  static constexpr std::uint32_t owner_mask = abandoned_bit - 1;

  std::atomic<std::uint32_t> word;
  /// The debt: where in the arena a sleeper's futex word lies, whom the release has to wake; 0: nobody's.
  std::atomic<std::uint64_t> owed;

  /** @brief Takes it, within the time.
   *  @param recursive the RecursiveLockWord that this word is a part of: what an owner's death means for the mark depends on it
   *  @return whether it is locked now
   */
  bool lock(Timeout timeout = forever, const RecursiveLockWord* recursive = nullptr) {
    const auto self = self_word();
    if (take(self)) return true;
    return lock_slow(self, timeout, recursive);
  }

  /// @return false when it was free already: nothing changed
  bool unlock() noexcept {
    auto seen = word.load(std::memory_order_relaxed);
    // Before it is free: only then is it ours to look at without a race for the line.
    const bool in_debt = owed.load(std::memory_order_relaxed) != 0;
    do {
      if ((seen & owner_mask) == 0) return false;
      // release: what was written under the lock is seen by who takes it next.
    } while (!word.compare_exchange_weak(seen, seen & abandoned_bit, std::memory_order_release,
                                         std::memory_order_relaxed));
    if (in_debt) pay_debt();
    if ((seen & sleepers) != 0) wake();
    return true;
  }

  /** @brief Leaves it to the release to wake who sleeps on this word, in the arena. The lock is owned by the caller's process.
   *
   *  One sleeper is remembered: who was owed a wake-up before is woken now.
   */
  ROYONG_API void wake_at_release(std::atomic<std::uint32_t>& sleeper) noexcept;
  /// Wakes whom the release has to wake, if there is anybody.
  ROYONG_API void pay_debt() noexcept;

  std::uint32_t owner() const noexcept { return word.load(std::memory_order_relaxed) & owner_mask; }
  bool abandoned() const noexcept {
    return (word.load(std::memory_order_relaxed) & abandoned_bit) != 0;
  }
  void mark_consistent() noexcept { word.fetch_and(~abandoned_bit, std::memory_order_relaxed); }

 private:
  // Free, nobody asleep, not abandoned: nearly always, when locks are held for short.
  bool take(std::uint32_t self) noexcept {
    std::uint32_t nobody = 0;
    return self != 0 && word.compare_exchange_strong(nobody, self, std::memory_order_acquire,
                                                     std::memory_order_relaxed);
  }
  ROYONG_API bool lock_slow(std::uint32_t self, Timeout timeout,
                            const RecursiveLockWord* recursive);
  ROYONG_API void wake() noexcept;
};

/** @brief A LockWord that the thread which owns it can take again. Zero-filled is free.
 *
 *  It is taken for a user, who may change what it guards step by step, or for one operation of the library's own, which a death leaves done or not
 *  done. Only the death of the first kind of owner marks it abandoned. `count` says which kind it is:
 *
 *  | the owner dies                            | `count` says       | so it becomes |
 *  |-------------------------------------------|--------------------|---------------|
 *  | before it has written `count`             | what the owner before left | free: nothing was changed. Not 0 only after an owner that marked it |
 *  | in an operation, in none of its user's holds | `operation`     | free |
 *  | while its user holds it                   | how often          | free and abandoned |
 *  | after the user's last release has written `count`, before the word is freed | 0 | free |
 *
 *  A death falls between two instructions, and the kernel tells of it only after all before have taken effect: so it is the order of the instructions that
 *  matters, for which the compiler alone has to be held back (`atomic_signal_fence`).
 */
struct RecursiveLockWord {
  static constexpr std::uint32_t operation = 1u << 31;

  LockWord lock_word;
  /// Bits 0-30: how often its user has taken it; 31: `operation`. Written by the owner alone, read by others once that is dead.
  std::atomic<std::uint32_t> count;
  /// self_thread() of the owner, 0 before it unlocks: equal to a thread's own only while that thread is the owner.
  std::atomic<std::uint64_t> thread;

  bool owned() const noexcept { return thread.load(std::memory_order_relaxed) == self_thread(); }
  /// Whether the owner, which is dead, may have left what the lock guards half-changed.
  bool was_held_by_user() const noexcept {
    return (count.load(std::memory_order_relaxed) & ~operation) != 0;
  }

  bool lock(Timeout timeout = forever) {
    const auto self = self_thread();
    if (thread.load(std::memory_order_relaxed) == self) {
      set_count(count.load(std::memory_order_relaxed) + 1);
    } else {
      if (!lock_word.lock(timeout, this)) return false;
      set_count(1);
      thread.store(self, std::memory_order_relaxed);
    }
    return true;
  }

  /// @return false when this thread does not own it: nothing changed
  bool unlock() noexcept {
    if (!owned()) return false;
    set_count(count.load(std::memory_order_relaxed) - 1);
    return count.load(std::memory_order_relaxed) != 0 || free();
  }

  /// Takes it for one operation. @return false when this thread owns it already: there is nothing to undo
  bool enter() {
    const auto self = self_thread();
    if (thread.load(std::memory_order_relaxed) == self) return false;
    lock_word.lock(forever, this);
    set_count(operation);
    thread.store(self, std::memory_order_relaxed);
    return true;
  }

  /// Undoes `enter`. What the user has taken meanwhile, and not given back, stays taken.
  void leave() noexcept {
    set_count(count.load(std::memory_order_relaxed) & ~operation);
    if (count.load(std::memory_order_relaxed) == 0) free();
  }

 private:
  void set_count(std::uint32_t value) noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    count.store(value, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  bool free() noexcept {
    thread.store(0, std::memory_order_relaxed);
    return lock_word.unlock();
  }
};

}  // namespace royong::inline v0::detail
