// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The allocator of the arena: blocks that know their owner.
 *
 *  Truth is one word for each block, outside the block, that a single store or compare-and-swap
 * commits:
 *
 *  - The page area is divided into pages of 64 KiB. `page[i]` is the head word of a run: {magic,
 * kind free/large/slab, length}. Words inside a run mean nothing. Runs are split and merged by one
 * store to the head (the tail's head is written before, where nobody looks yet). Changes of runs
 * happen under one robust lock; a holder's death leaves every word valid, so recovery is only
 * `pthread_mutex_consistent`.
 *  - Small blocks (64 B to 32 KiB) live in slabs of one page. Each has an owner word: 0 is free. A
 * slab belongs to the process that made it, and that process alone takes blocks from it, under a
 * lock of its own that nobody else wants: taking is one store of the owner. Anybody frees, by one
 *    compare-and-swap to 0, without a lock. A slab whose process died and that is not empty is an
 * orphan, adopted by whoever next needs its class.
 *  - A large block has its owner word beside the page word, written before the head word commits.
 *
 *  What a process remembers (its slabs, where it freed last) is a hint: each use looks at the words
 * above first. When the quota is used up, `allocate` takes back the empty slabs of every process
 * before it gives up.
 *
 *  A process that dies owns what it owned: the sweep frees every block with its owner word.
 */
#pragma once

#include "memory/arena.hpp"
#include "memory/slots.hpp"

namespace royong::inline v0::memory {

/** @brief Allocates a block owned by this process, aligned to 64 bytes (a page of the system for 32
 * KiB and more). Its bytes are not zeroed.
 *  @throws ArenaFull  the quota or the arena is used up; nothing changed
 *  @throws UsageError this process is no member of a family
 */
Offset allocate(std::size_t bytes);

/** @brief Frees a block, whoever owns it.
 *
 *  Free pages stay warm up to a watermark (64 MiB, or an eighth of the quota if that is less); what
 * is beyond it goes back to the system.
 *  @throws TransferError `offset` is not the beginning of a live block (double free, wild offset):
 * nothing changed
 */
void free_block(Offset block);

/// Usable bytes of a live block. @throws TransferError as above: this is the check for offsets that
/// came in a message
std::span<std::byte> block(Offset block);

/// Hands a block to another owner (a message taken, a result delivered). @throws TransferError as
/// above
void set_owner(Offset block, Owner owner);
Owner owner_of(Offset block);

/// Owner of blocks that belong to the whole family: nothing frees them but `free_block`, no sweep.
/// A block of an object belongs to that object instead: `owner_of_object` in objects.hpp.
inline constexpr Owner family{~std::uint64_t{0}};

/// Gives the empty slabs of every process back to the pages, where `allocate` does so only under
/// pressure.
void release_empty_slabs();

}  // namespace royong::inline v0::memory
