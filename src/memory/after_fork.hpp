// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What this floor does about fork.
 *
 *  What a process keeps for itself (who it is, its shares in objects, where it found free blocks)
 * is copied by a fork, yet it is the parent's. The fork handlers make every child forget it, so a
 * child of the user's own fork is no member: it can read what is in the arena, its copies of
 * handles let go of nothing, and `allocate` is a UsageError. A child of ours then claims its slot
 * and calls `inherit_shares`.
 */
#pragma once

namespace royong::inline v0::memory {

/** @brief Makes the child of a fork a stranger to its parent's slot.
 *
 *  The handlers call it after every fork(). A raw clone runs no handlers: its child calls this
 * before anything else; its parent must be single-threaded. Harmless when repeated before the slot
 * is claimed.
 */
void after_fork_child() noexcept;

/// Registers the handlers, once; done by whoever creates or attaches the arena. They lock the table
/// of shares. A floor above whose own handlers lock something registers after this, so that its
/// lock is taken first, as everywhere.
void watch_forks();

}  // namespace royong::inline v0::memory
