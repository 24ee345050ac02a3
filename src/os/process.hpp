// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Processes of this program: start, signal, wait.
 */
#pragma once

#include <sys/types.h>

#include <optional>  // for std::optional
#include <span>      // for std::span
#include <string>    // for std::string

#include "os/fd.hpp"

namespace royong::inline v0::os {

/// How a process ended.
struct ExitStatus {
  /// The exit code, -N for signal N; nothing where another part of the program reaped the child and
  /// the kernel (before 6.15) forgot.
  std::optional<int> exitcode;
};

/// A descriptor that becomes readable when the process ends. @throws std::system_error (ENOSYS
/// before Linux 5.3)
Fd pidfd_open(pid_t pid);

/** @brief Sends a signal.
 *
 *  Where pidfd_send_signal is missing it goes by number, which is safe as long as `pid` is a child
 * of this process that it has not reaped.
 *  @param pidfd -1 where there is none
 *  @return false: the process is gone
 */
bool send_signal(int pidfd, pid_t pid, int signal);

enum class Wait { poll, block };

/** @brief Reaps a child.
 *  @param pidfd -1 where there is none
 *  @return nothing: it still runs (only for `Wait::poll`)
 */
std::optional<ExitStatus> wait_child(int pidfd, pid_t pid, Wait wait);

/** @brief Starts a program.
 *
 *  It gets this environment, the descriptors 0, 1 and 2 and those in `keep` under the same numbers,
 * and no other, whatever other threads open at the same moment; an empty signal mask and default
 * signal handling.
 *  @param argv     beginning with argv[0]
 *  @param variable "NAME=value", which the program gets before the environment; empty: nothing
 *  @throws std::system_error nothing was started
 */
pid_t spawn(const std::string& path, std::span<const std::string> argv, std::span<const int> keep,
            const std::string& variable = {});

}  // namespace royong::inline v0::os
