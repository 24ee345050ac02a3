// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the supervisor prints about a test that hangs.
 */
#pragma once

#include <sys/types.h>

#include <cstdio>  // for std::FILE

namespace royong_test {

/// Prints the test's name, and of the test process and all descendants of this one what /proc tells, with backtraces.
void report_hang(std::FILE* out, pid_t test_process);

}  // namespace royong_test
