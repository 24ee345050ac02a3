// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The ledger of a JoinableQueue: how many messages each process has taken and not reported as done.
 *
 *  `join` returns when as many messages are done as were ever put. A consumer that dies with a message in its hand would keep it waiting for ever; so what
 *  the dead had in hand counts as done, and as lost. For that the queue must know how much it was: one
 *  entry for each process slot, with the generation, in a block of its own (`block` of the record).
 *
 *  **Rules.** A take adds to the taker's number, `task_done` subtracts from the caller's (not below 0: somebody may report what another process took). The number of a process that is found dead goes
 *  to `done` and `lost`; not more than is in anybody's hand, so that `done` never passes what was taken. The dead are looked for at every death, for a process may have let go of the queue before it died.
 *
 *  **If the process dies.** All of it happens under the get lock, and every change is more than one store. So each is written down first: the new values, absolute, then
 *  `intent`, which says whose they are (release: the values come before it). Whoever gets the lock of a dead owner stores them again and clears the note: before `intent` nothing has
 *  happened, after it everything has. A take is an intent only if `head` has moved to where it was going: that store is its commit.
 */
#pragma once

#include <cstdint>  // for std::uint32_t

#include "channel/queue_state.hpp"
#include "memory/objects.hpp"

namespace royong::inline v0::channel {

/// Makes the ledger of a fresh JoinableQueue. @throws ArenaFull
void create_ledger(detail::ObjectRecord& record);

// Under the get lock; they do nothing for a queue without a ledger.

/// Before the store that takes `count` messages and moves the head to `after`.
void note_taking(detail::ObjectRecord& record, std::uint32_t count, Position after) noexcept;
/// After that store.
void note_taken(detail::ObjectRecord& record) noexcept;
/// This process has done so many of what it took.
void note_done(detail::ObjectRecord& record, std::uint32_t count) noexcept;
/// What the dead had in hand is done and lost. @return how much that was
std::uint32_t settle_the_dead(detail::ObjectRecord& record) noexcept;
/// Completes what an owner of the lock was doing when it died.
void recover_ledger(detail::ObjectRecord& record) noexcept;

}  // namespace royong::inline v0::channel
