// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Grandchildren whose parent died: somebody must sweep their slots.
 */
#pragma once

#include "memory/slots.hpp"

namespace royong::inline v0::detail {

/** @brief Takes over the children of a dead process, and theirs.
 *
 *  They are being killed by the death pipe (detached ones live on). They are not our children, so they cannot be reaped; but a pidfd tells
 *  their end, and then their slots are swept. Call it before the dead parent's own slot is swept.
 */
void adopt_orphans_of(memory::Owner dead);

/// The service thread's part: frees the slots of those that no descriptor could be had of (EMFILE, no pidfd_open).
/// @return whether some are left, to be looked at again soon
bool look_after_orphans();

/// For the fork handlers, and in a fork: they are the parent's.
void lock_orphans();
void unlock_orphans();
void forget_orphans() noexcept;

/// The service thread's part: an adopted process with this number has ended. @return whether there was one
bool finish_orphan(std::uint64_t number);

}  // namespace royong::inline v0::detail
