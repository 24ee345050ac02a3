// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The table of processes: who is a member of the family, and is it alive.
 *
 *  A slot is `free` -> `reserved` (by the parent, before the child exists) -> `live` (the child
 * holds the alive token) -> dead (the kernel released the token) -> swept -> `free` with the next
 * generation. A slot is never reused before its sweep has ended: that is what makes (slot,
 * generation) in a ledger unambiguous.
 */
#pragma once

#include <pthread.h>

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint16_t ...

namespace royong::inline v0::memory {

inline constexpr std::uint32_t max_processes = 1024;

/** @brief Who owns something in the arena: slot index and generation in one word that a single
 * store commits.
 *
 *  bits = generation << 16 | (index + 1); zero is nobody.
 */
struct Owner {
  std::uint64_t bits = 0;

  static constexpr Owner of(std::uint32_t index, std::uint64_t generation) noexcept {
    return {generation << 16 | (index + 1)};
  }
  constexpr explicit operator bool() const noexcept { return bits != 0; }
  constexpr std::uint32_t index() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xffff) - 1;
  }
  constexpr std::uint64_t generation() const noexcept { return bits >> 16; }
  friend constexpr bool operator==(Owner, Owner) = default;
};

enum class SlotState : std::uint32_t { free = 0, reserved, live, sweeping };

// Who commits what, and what a death leaves (tests/memory/slots_test.cpp kills at random):
//
// - reserve_slot runs under a robust lock. The fields are written while the state is still `free`;
// the store of
//   `reserved` commits. A death before it leaves a free slot (a generation was skipped, none
//   repeats); after it a reserved slot of a parent that is dead, which that parent's sweeper finds
//   by for_each_child.
// - claim_slot locks the token, then moves `reserved` to `live`. A death anywhere releases the
// token: the slot is dead in either state.
// - sweep runs under a robust lock. The store of `sweeping` only tells readers; the store of `free`
// commits, after everything that
//   belonged to the (slot, generation) is repaired. A death before it leaves a slot that is dead
//   still: the next sweep starts again.

/// One process of the family. Shared memory; zero-filled is `free`.
struct alignas(128) Slot {
  pthread_mutex_t token;  ///< robust; locked for life by a thread that never exits
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> pid;
  std::atomic<std::uint64_t> generation;  ///< of the present life; the next reservation adds one
  std::atomic<std::uint64_t> parent;      ///< Owner::bits of the process that reserved the slot
  std::atomic<std::uint64_t> startup;     ///< offset of the block with the start-up message
  std::atomic<std::uint32_t> go;          ///< futex word of a spare process that waits for work
  std::atomic<std::uint32_t> detached;    ///< 1: outlives its parent
  pthread_mutex_t slabs_lock;             ///< robust; the slabs of this process (blocks.hpp)
  std::atomic<std::uint32_t> doorbell;    ///< its watcher thread sleeps here (sync/watch.hpp)
};

/** @brief Reserves a slot for a child of this process.
 *  @throws ArenaFull every slot is taken
 */
Owner reserve_slot();

/// Gives back a slot whose process never came to life (the clone failed).
void cancel_slot(Owner slot) noexcept;

/** @brief Makes the calling thread the life of `slot`: locks its alive token and records the pid.
 *
 *  The thread must never exit before the process does.
 *  @throws TransferError the slot is not reserved, or of another generation
 */
void claim_slot(Owner slot);

/// The slot of this process; nobody before `init`.
Owner self() noexcept;

/// Forgets who we are: in the child of a fork, before it claims a slot of its own.
void forget_self() noexcept;

/// The slot's memory, of whatever generation. @throws TransferError the index is out of range
Slot& slot(Owner owner);

/// Whether the process has claimed this slot and still runs. A few loads: the kernel clears the
/// token on exit before the death is visible to the parent.
bool is_alive(Owner owner) noexcept;

/** @brief Repairs everything that a dead process held, on every floor, and frees its slot.
 *
 *  Called by whoever saw the death (the parent; for a dead parent's children, the grandparent).
 * Idempotent and itself crash-safe: if the sweeper dies in the middle, the slot stays `sweeping` or
 * dead and the next sweeper starts again. Does nothing for a process that is alive or swept; a slot
 * that was reserved and never claimed is swept, so call it only when the child is known to be gone.
 *  Order: hooks in the order of registration (memory's own last: pins, objects, blocks), then the
 * slot becomes free. Hooks must be idempotent and must not call sweep.
 */
void sweep(Owner dead) noexcept;

/// Registers what a floor repairs when a process dies. Called once, from that floor's static or
/// init code; never removed.
using SweepHook = void (*)(Owner dead) noexcept;
void add_sweep_hook(SweepHook hook);

/// Slots that are not free, for leak tests.
std::uint32_t used_slots() noexcept;

/// Some process that is alive, another than `except`; nobody: there is none.
Owner find_alive(Owner except = {}) noexcept;

/// Calls `visit(owner)` for every slot that is reserved, live or dead and not swept, whose parent
/// is `parent`.
void for_each_child(Owner parent, void (*visit)(Owner child, void* context), void* context);

}  // namespace royong::inline v0::memory
