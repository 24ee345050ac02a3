// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Runs a program to its end and returns what it wrote.
 */
#pragma once

#include <sys/resource.h>

#include <map>       // for std::map
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <utility>   // for std::pair
#include <vector>    // for std::vector

namespace royong_test {

/// A program to run: found in PATH unless it has a slash.
struct Command {
  std::vector<std::string> arguments;  ///< the program first
  std::map<std::string, std::optional<std::string>> environment =
      {};                                           ///< set, or unset, beside our own
  std::vector<std::pair<int, rlim_t>> limits = {};  ///< such as {RLIMIT_NOFILE, 20}, soft and hard
  std::string input = {};
};

/// How a program ended, and what it wrote.
struct Finished {
  int exit_code = 0;  ///< -N when signal N killed it
  std::string output;
  std::string error;
};

/** @brief Runs it; returns when it has ended and its output is read.
 *
 *  A descendant that keeps the output open delays the return by a second at most. The watchdog is the only time limit.
 *  @throws std::system_error  it cannot be started
 */
Finished run(const Command& command);

/// Runs this very test program; the arguments are those after its name.
Finished run_this_program(Command command);

}  // namespace royong_test
