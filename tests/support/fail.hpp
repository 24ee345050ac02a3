// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How the harness's own calls of the system fail.
 */
#pragma once

#include <cerrno>        // for errno
#include <system_error>  // for std::system_error

namespace royong_test {

/// Throws what errno says.
[[noreturn]] inline void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace royong_test
