// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The named shared memory that ends with this family, and the lease that makes it end.
 *
 *  The lease is the family's own life: each member holds its alive token (memory/slots.hpp), which the kernel releases however the member dies. A **keeper**,
 *  a process outside the family that maps the arena and waits for members' ends, removes the names when no token is held any more. It is started with the
 *  first segment and ends with the last one. Nobody hands descriptors down for it, and it is told nothing that could be lost: what to remove is in the arena.
 *
 *  | death of                         | what is there | who removes it |
 *  |----------------------------------|---------------|----------------|
 *  | a creator, before its entry      | a file without a name | the kernel |
 *  | a creator, between entry and name | an entry whose file has no name | the creator's sweep, or the keeper: it removes only the file of the entry, known by its inode |
 *  | a creator, after the name        | a segment of the family | `unlink`, or the keeper |
 *  | who unlinks, before it drops the entry | an entry whose file has no name | as above |
 *  | the keeper                       | its token is free | who creates the next segment starts another |
 *  | the last member                  | segments      | the keeper     |
 *
 *  What remains: a keeper and *all* members that are killed at once, as by a kill of the whole control group. Their segments stay.
 */
#pragma once

#include <sys/types.h>

#include <string_view>  // for std::string_view

#include "os/shm.hpp"

namespace royong::inline v0::sync {

/// By who makes the arena, before anybody else maps it.
void prepare_segments();

/** @brief Enters a file that is about to get its name, and sees to it that there is a keeper.
 *  @throws ArenaFull         too many segments
 *  @throws UsageError        before `init`, or in a child of the user's own fork
 *  @throws std::system_error no keeper can be started; there is no entry then
 */
void enter_segment(std::string_view name, os::FileIdentity file);

/// Drops the entry of a file that has its name no more. Nothing happens when it has none.
void drop_segment(os::FileIdentity file) noexcept;

/// The process floor's way to start a keeper: returns when the keeper holds its token. @throws std::system_error
void set_keeper_starter(void (*start)());

/// At the end of the last member that ends in good order: nobody needs to wait for the keeper.
void remove_segments_if_alone() noexcept;

/// The keeper's side. Becomes the keeper; false: there is one already.
bool become_keeper();
/// Returns when nothing is left to keep. All signals are blocked.
void keep_segments();

}  // namespace royong::inline v0::sync
