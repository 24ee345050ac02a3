// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a test hears on its own stderr, and how a raw fork ended.
 */
#pragma once

#include <sys/types.h>

#include <string>  // for std::string

namespace royong_test {

/// Stderr goes into a pipe for as long as this lives.
class CapturedStderr {
 public:
  CapturedStderr();
  ~CapturedStderr();
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  /// What came since the last call (up to 64 KiB); does not wait.
  std::string text() const;

 private:
  int saved_;
  int read_ = -1;
};

/// Waits for a child. @return exit code, -N for signal N
int exit_code(pid_t child);

}  // namespace royong_test
