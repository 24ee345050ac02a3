// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Backtraces of other threads and processes, for the watchdog's report.
 */
#pragma once

#include <sys/types.h>

#include <cstdio>  // for std::FILE

namespace royong_test {

/// Makes every thread of this process, and of the processes it forks, answer the supervisor. Called by the harness.
void install_backtrace_handler();

/** @brief Prints where every thread of the process is.
 *
 *  Only a process that runs the handler answers; of any other nothing is printed. Call it from the supervisor.
 */
void print_backtraces(std::FILE* out, pid_t process);

}  // namespace royong_test
