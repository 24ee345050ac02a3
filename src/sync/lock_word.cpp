// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/lock_word.hpp"

#include <climits>  // for INT_MAX

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "os/futex.hpp"
#include "royong/error.hpp"
#include "sync/eventcount.hpp"
#include "sync/lock_repair.hpp"
#include "sync/spin.hpp"
#include "sync/suspicion.hpp"

namespace royong::inline v0 {

namespace {

using detail::LockWord;
using detail::RecursiveLockWord;
using memory::Owner;

// 11 bits for 1 + slot index, the rest for the generation. The rest is enough to tell a slot's lives apart while a
// lock word remembers one of them: a slot is reused only after the sweep has freed its locks.
constexpr std::uint32_t index_bits = 11;
constexpr std::uint32_t generation_mask = LockWord::owner_mask >> index_bits;
static_assert(memory::max_processes < (1u << index_bits));

std::uint32_t word_of(Owner owner) noexcept {
  if (!owner) return 0;
  const auto generation = static_cast<std::uint32_t>(owner.generation()) & generation_mask;
  return generation << index_bits | (owner.index() + 1);
}

/// The slot that a word names, in its present life: another generation than the word's where the owner was swept.
Owner present_life(std::uint32_t word) {
  const std::uint32_t index = (word & ((1u << index_bits) - 1)) - 1;
  return Owner::of(index, memory::slot(Owner::of(index, 0)).generation.load());
}

bool owner_is_dead(std::uint32_t word) {
  const Owner owner = present_life(word);
  return word_of(owner) != (word & LockWord::owner_mask) || !memory::is_alive(owner);
}

/// Dead beyond doubt, and yet it owns the lock: it had dropped its last handle to the object, and the sweep did not come by.
bool owner_was_swept(std::uint32_t word) {
  const Owner owner = present_life(word);
  return word_of(owner) != (word & LockWord::owner_mask) || sync::is_swept(owner);
}

void warn_of_death(const char* what, std::uint32_t pid) noexcept {
  detail::warn(
      "{} of process {}, which died holding it, is free again; what it guards may be half-changed "
      "(see abandoned())",
      what, pid);
}

constexpr int spin_rounds = 64;

}  // namespace

namespace detail {

std::uint32_t self_word() noexcept { return word_of(memory::self()); }

std::uint64_t self_thread() noexcept {
  static std::atomic<std::uint32_t> threads{0};
  thread_local const std::uint32_t mine = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::uint64_t{self_word()} << 32 | mine;
}

bool LockWord::lock_slow(std::uint32_t self, Timeout timeout, const RecursiveLockWord* recursive) {
  if (self == 0) {
    throw UsageError(
        "this process cannot take a lock: it is no member of the program's family (royong::init "
        "was not called, or "
        "it is a child of a fork that royong did not make)");
  }
  const auto deadline = timeout.is_poll() ? Timeout::Clock::time_point::min() : timeout.deadline();
  sync::Spinner spinner(spin_rounds, &word);
  std::uint32_t others = 0;   // the sleep bit, once we have slept: there may be more like us
  std::uint32_t suspect = 0;  // an owner that seemed dead when a slice ended, and when that was
  Timeout::Clock::time_point suspected;
  const auto take_over = [&](std::uint32_t seen) {
    const std::uint32_t owner = seen & owner_mask;
    const bool half_changed = recursive == nullptr || recursive->was_held_by_user();
    const auto mark = half_changed ? abandoned_bit : seen & abandoned_bit;
    if (!word.compare_exchange_strong(seen, self | mark | sleepers, std::memory_order_acquire)) {
      return false;
    }
    if (half_changed) warn_of_death("A lock", memory::slot(present_life(owner)).pid.load());
    return true;
  };
  for (;;) {
    auto seen = word.load(std::memory_order_relaxed);
    if ((seen & owner_mask) == 0) {
      // acquire: sees what the owner before wrote under the lock.
      if (word.compare_exchange_weak(seen, seen | self | others, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
        return true;
      }
      continue;
    }
    if (!timeout.is_poll() && spinner.once()) continue;
    if (owner_was_swept(seen)) {
      if (take_over(seen)) return true;
      continue;
    }
    if (timeout.is_poll()) return false;
    if ((seen & sleepers) == 0 &&
        !word.compare_exchange_weak(seen, seen | sleepers, std::memory_order_relaxed)) {
      continue;
    }
    seen |= sleepers;
    if (!sync::sleep_slice(word, seen, deadline)) return false;
    others = sleepers;

    // The sweep frees a dead owner's locks at once; this is for the case that nobody sweeps. Twice, a slice apart,
    // because a dying process gives up its alive token an instant before its last thread stops.
    const std::uint32_t owner = seen & owner_mask;
    const auto now = Timeout::Clock::now();
    if (word.load(std::memory_order_relaxed) != seen || !owner_is_dead(owner)) {
      suspect = 0;
    } else if (suspect != owner) {
      suspect = owner;
      suspected = now;
    } else if (now - suspected < sync::slice) {
      continue;
    } else if (take_over(seen)) {
      return true;
    }
  }
}

void LockWord::wake() noexcept { os::futex_wake(word, 1); }

void LockWord::wake_at_release(std::atomic<std::uint32_t>& sleeper) noexcept {
  // release: who pays it wakes a sleeper that finds what it was woken for.
  const memory::Offset before =
      owed.exchange(memory::offset_of(&sleeper), std::memory_order_acq_rel);
  if (before != 0) os::futex_wake(memory::at<std::atomic<std::uint32_t>>(before), 1);
}

void LockWord::pay_debt() noexcept {
  const memory::Offset sleeper = owed.exchange(0, std::memory_order_acq_rel);
  if (sleeper != 0) os::futex_wake(memory::at<std::atomic<std::uint32_t>>(sleeper), 1);
}

}  // namespace detail

namespace sync {

namespace {

void free_of_dead(LockWord& lock, Owner dead, const char* what, bool half_changed) noexcept {
  const std::uint32_t owner = word_of(dead);
  auto seen = lock.word.load(std::memory_order_relaxed);
  do {
    if ((seen & LockWord::owner_mask) != owner) return;
    // One swap frees it and says why: whoever takes it next sees both or neither.
  } while (!lock.word.compare_exchange_weak(
      seen, half_changed ? LockWord::abandoned_bit : seen & LockWord::abandoned_bit,
      std::memory_order_acq_rel));
  if (half_changed) warn_of_death(what, memory::slot(dead).pid.load());
  wake_sleepers(lock);
}

}  // namespace

void free_of_dead(LockWord& lock, Owner dead, const char* what) noexcept {
  free_of_dead(lock, dead, what, true);
}

void free_of_dead(RecursiveLockWord& lock, Owner dead, const char* what) noexcept {
  // While the word names the dead, nobody has written `count` since: where it does not, the swap fails.
  free_of_dead(lock.lock_word, dead, what, lock.was_held_by_user());
}

void wake_sleepers(LockWord& lock) noexcept {
  lock.pay_debt();
  os::futex_wake(lock.word, INT_MAX);
}

}  // namespace sync

}  // namespace royong::inline v0
