// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The files that end with this family or with one process of it, and the lease that makes them end: named shared memory, sockets of listeners.
 *
 *  The lease is life itself: each member holds its alive token (memory/slots.hpp), which the kernel releases however the member dies. The sweep of a dead member
 *  removes what should end with it. For the last ones there is a **keeper**, a process outside the family that maps the arena, waits for members' ends, and removes everything when no
 *  token is held any more. It is started with the first file and ends with the last one. Nobody hands descriptors down for it, and it is told nothing that could be
 *  lost: what to remove is in the arena. A name is removed only while it is that of the file of the entry.
 *
 *  | death of                         | what is there | who removes it |
 *  |----------------------------------|---------------|----------------|
 *  | a creator of shared memory, before its entry | a file without a name | the kernel |
 *  | ... between entry and name       | an entry whose file has no name | the creator's sweep, or the keeper |
 *  | ... after the name               | a segment of the family | `unlink`, or the keeper |
 *  | who unlinks, before it drops the entry | an entry whose file has no name | as above |
 *  | a listener, between name and entry | a socket that nobody listens at | whoever listens there next: `bind` has no way to enter it before |
 *  | ... after the entry              | the same, with an entry | the listener's sweep, or the keeper |
 *  | the keeper                       | its token is free | who enters the next file starts another |
 *  | the last member                  | files         | the keeper     |
 *
 *  What remains: a keeper and *all* members that are killed at once, as by a kill of the whole control group. Their files stay.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::uint32_t
#include <string>   // for std::string

#include "os/file_identity.hpp"

namespace royong::inline v0::sync {

/// Bytes of the longest path that can be entered.
inline constexpr std::size_t longest_kept_path = 275;

enum class KeptUntil : std::uint32_t { family_ends, creator_ends };

/// By who makes the arena, before anybody else maps it.
void prepare_kept_files();

/** @brief Enters a file that has its name or is about to get it, and sees to it that there is a keeper.
 *  @param path  absolute, at most `longest_kept_path` bytes
 *  @throws ArenaFull         too many files
 *  @throws UsageError        before `init`, or in a child of the user's own fork
 *  @throws std::system_error no keeper can be started; there is no entry then
 */
void keep_file(const std::string& path, const os::FileIdentity& file, KeptUntil until);

/// Drops the entry of a file that has its name no more. Nothing happens when it has none.
void forget_file(const os::FileIdentity& file) noexcept;

/// The process floor's way to start a keeper: returns when the keeper holds its token. @throws std::system_error
void set_keeper_starter(void (*start)());

/// When this member ends in good order: nobody needs to wait for a sweep, or for the keeper.
void remove_files_at_exit() noexcept;

/// The keeper's side. Becomes the keeper; false: there is one already.
bool become_keeper();
/// Returns when nothing is left to keep. All signals are blocked.
void keep_files();

}  // namespace royong::inline v0::sync
