// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the sweep does to a lock whose owner died.
 */
#pragma once

#include "memory/slots.hpp"
#include "royong/detail/lock_word.hpp"

namespace royong::inline v0::sync {

/** @brief Frees the lock if `dead` owns it: it becomes abandoned, the log gets a warning, the sleepers wake.
 *
 *  Idempotent: one compare-and-swap from the dead owner. A sweeper that dies before it has changed nothing.
 *  @param what names the object in the warning: "Lock"
 */
void free_of_dead(detail::LockWord& lock, memory::Owner dead, const char* what) noexcept;
/// Likewise; without mark and warning where it was inside an operation that leaves nothing half-done.
void free_of_dead(detail::RecursiveLockWord& lock, memory::Owner dead, const char* what) noexcept;

/// The death broadcast: whoever sleeps on the lock looks again.
void wake_sleepers(detail::LockWord& lock) noexcept;

}  // namespace royong::inline v0::sync
