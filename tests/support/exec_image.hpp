// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A command made ready for exec: between fork and exec nothing may allocate.
 */
#pragma once

#include <string>  // for std::string
#include <vector>  // for std::vector

#include "support/subprocess.hpp"

namespace royong_test {

class ExecImage {
 public:
  explicit ExecImage(const Command& command);

  /// Call it in the forked child. Exit code 127 if the program cannot be executed.
  [[noreturn]] void execute();

 private:
  std::vector<std::pair<int, rlim_t>> limits_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

}  // namespace royong_test
