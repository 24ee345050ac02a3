// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A program on a terminal of its own, so that a test can type Ctrl-C.
 */
#pragma once

#include <sys/types.h>

#include <string>  // for std::string

#include "support/subprocess.hpp"

namespace royong_test {

/** @brief Runs a command as the leader of a new session on a new terminal (80 x 24, without echo).
 *
 *      Pty terminal({.arguments = {path, "/usr/include"}});
 *      terminal.read_until("counting");
 *      terminal.type(Pty::ctrl_c);
 *      EXPECT_EQ(terminal.wait(), -SIGINT);
 *
 *  Output and errors are one stream, with "\r\n" as a terminal has it. `Command::input` is not used.
 */
class Pty {
 public:
  static constexpr const char* ctrl_c = "\x03";
  static constexpr const char* ctrl_backslash = "\x1c";
  static constexpr const char* ctrl_z = "\x1a";

  explicit Pty(const Command& command);
  /// Kills the session if it still runs.
  ~Pty();
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Types it.
  void type(const std::string& keys);
  /** @brief Reads until the text appears after what the last call found. The watchdog is the only time limit.
   *  @return all output so far
   *  @throws std::runtime_error  the program ended before the text came: the message holds the output
   */
  const std::string& read_until(const std::string& text);
  /// Reads to the end of the output, waits for the program. @return exit code, -N when signal N killed it
  int wait();
  const std::string& output() const noexcept { return output_; }

 private:
  bool read_more();

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::size_t found_ = 0;
  std::string output_;
};

}  // namespace royong_test
