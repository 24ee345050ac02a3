// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What /proc says about the processes that a test started.
 */
#pragma once

#include <sys/types.h>

#include <optional>  // for std::optional
#include <string>    // for std::string
#include <vector>    // for std::vector

namespace royong_test {

/// One process, as /proc shows it at one instant.
struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';       ///< R, S, D, T, Z ...
  bool executed = false;  ///< it has called exec since it was forked
  std::string command;    ///< the command line, arguments joined by spaces; of a zombie its name
};

/// @return nothing when there is no such process
std::optional<ProcessInfo> process_info(pid_t pid);

/// Every descendant of root, parents before children, without root itself.
std::vector<ProcessInfo> descendants(pid_t root);

/// Whether process is a child, grandchild ... of ancestor.
bool is_descendant(pid_t process, pid_t ancestor);

/** @brief Returns when a thread sleeps in the kernel, or is stopped, or is gone. `thread`: its id; of a process's first thread the pid.
 *
 *  A thread that was woken does not sleep any more when the call that woke it has returned: so this tells apart who was woken from who was not.
 */
void until_asleep(pid_t thread);

/// "process 12 (state S, parent 7) `command line`".
std::string describe(const ProcessInfo& process);

/** @brief Whether process is the library's forkserver that serves `owner`.
 *
 *  It is a child of its owner, and has executed the program anew. Its workers inherit its command line, but
 *  they were cloned and execute nothing.
 */
bool is_forkserver(const ProcessInfo& process, pid_t owner);

/// That of this process; 0 if there is none.
pid_t own_forkserver();

}  // namespace royong_test
