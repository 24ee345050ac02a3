// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A copy of this process that is a child of this process's parent, and is whole in glibc's eyes.
 */
#pragma once

#include <sys/types.h>

namespace royong::inline v0::detail {

struct Sibling {
  pid_t pid = 0;   ///< 0 in the new process
  int pidfd = -1;  ///< owned by the caller; -1 in the new process
};

/** @brief Clones this process; the copy is a sibling, not a child.
 *
 *  The raw system call is the legacy `clone`, which works under valgrind and in containers that refuse clone3.
 *  It leaves two things of glibc broken in the copy, both repaired here: the cached thread id is the original's (the kernel is
 *  told to write the new one there), and no robust list is registered (mutexes of a killed process would stay locked).
 *  `pthread_atfork` handlers do not run. Only a single-threaded process may call it.
 *
 *  @throws std::system_error the system refuses
 */
Sibling clone_sibling();

/// Whether glibc knows who this thread is: its mutexes are owned by the right thread id and are released when it is killed.
bool is_thread_identity_sound() noexcept;

}  // namespace royong::inline v0::detail
