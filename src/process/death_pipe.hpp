// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The death pipe: the kernel kills the children of a dead process.
 *
 *  The parent alone holds the write end. Each child opens the read end anew (owner and signal belong to the open file
 *  description, so a shared one would kill only one child), and asks for SIGKILL when it becomes
 *  readable; nobody ever writes, so that is when the parent has ended, by whatever. PR_SET_PDEATHSIG will not do: it fires when
 *  the *thread* that forked ends.
 */
#pragma once

#include "os/fd.hpp"

namespace royong::inline v0::detail {

/// The read end to hand down (close-on-exec here); makes the pipe at the first call. @throws std::system_error
int death_pipe_read_end();

/// For the fork handlers: no fork gets a pipe that is half made.
void lock_death_pipe();
void unlock_death_pipe();

/// In a child of fork, with the lock held: closes the parent's write end, else nobody would die. Async-signal-safe.
void close_death_pipe_after_fork() noexcept;

/** @brief Opens a read end anew for one child that is not there yet: everything but its owner is set.
 *
 *  Whoever makes the child does this, because it can do it while nobody waits for it.
 *  @throws std::system_error
 */
os::Fd open_death_pipe(int read_end);
/** @brief Ties the life of this process to its parent's; ends the process when the parent is dead already.
 *  @param own what `open_death_pipe` made for this process
 *  @throws std::system_error
 */
void arm_death_pipe(os::Fd own);

}  // namespace royong::inline v0::detail
