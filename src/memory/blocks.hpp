// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The allocator of the arena: blocks that know their owner.
 *
 *  Truth is one word for each block, outside the block, that a single store or compare-and-swap commits:
 *
 *  - The page area is divided into pages of 64 KiB. `page[i]` is the head word of a run: {magic, kind free/large/slab, length}. Words inside a run mean
 *    nothing. Runs are split and merged by one store to the head (the tail's head is written before, where nobody looks yet). Changes of runs happen under one robust lock; a holder's
 *    death leaves every word valid, so recovery is only `pthread_mutex_consistent`.
 *  - Small blocks (64 B to 16 KiB, powers of two) live in slabs of one page. Each has an owner word: 0 is free, taking is one compare-and-swap from 0 to
 *    the owner, freeing one store of 0: no lock.
 *  - A large block has its owner word beside the page word, written before the head word commits.
 *
 *  A process that dies owns what it owned: the sweep frees every block with its owner word.
 */
#pragma once

#include "memory/arena.hpp"
#include "memory/slots.hpp"

namespace royong::inline v0::memory {

/** @brief Allocates a block owned by this process, aligned to 64 bytes (a page for 64 KiB and more).
 *  @throws ArenaFull the quota or the arena is used up; nothing changed
 */
Offset allocate(std::size_t bytes);

/** @brief Frees a block, whoever owns it.
 *
 *  Large runs go back to the system (hole punched) when more than the watermark of free pages is resident, else stay warm.
 *  @throws TransferError `offset` is not the beginning of a live block (double free, wild offset): nothing changed
 */
void free_block(Offset block);

/// Usable bytes of a live block. @throws TransferError as above: this is the check for offsets that came in a message
std::span<std::byte> block(Offset block);

/// Hands a block to another owner (a message taken, a result delivered). @throws TransferError as above
void set_owner(Offset block, Owner owner);
Owner owner_of(Offset block);

/// Owner of blocks that belong to an object and not to a process: freed when the object is. Never swept.
inline constexpr Owner family{~std::uint64_t{0}};

}  // namespace royong::inline v0::memory
