// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A copy of this process that is a child of this process's parent, and is whole in glibc's eyes.
 */
#pragma once

#include <sys/types.h>

#include <cstdint>  // for std::uint32_t

namespace royong::inline v0::detail {

/** @brief Clones this process; the copy is a sibling, not a child.
 *
 *  The raw system call is the legacy `clone`, which works under valgrind and in containers that refuse clone3.
 *  It leaves two things of glibc broken in the copy, both repaired here: the cached thread id is the original's (the kernel is
 *  told to write the new one there), and no robust list is registered (mutexes of a killed process would stay locked).
 *  `pthread_atfork` handlers do not run. Only a single-threaded process may call it.
 *
 *  @param pid written by the kernel before the copy runs: whoever shares this memory knows the copy, also when the cloner is killed
 *             before it can tell
 *  @return the pid of the copy; 0 in the copy
 *  @throws std::system_error the system refuses
 */
pid_t clone_sibling(std::uint32_t& pid);

/// Whether glibc knows who this thread is: its mutexes are owned by the right thread id and are released when it is killed.
bool is_thread_identity_sound() noexcept;

}  // namespace royong::inline v0::detail
