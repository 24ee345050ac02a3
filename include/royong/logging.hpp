// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The library's own logger, with Python's levels and format.
 */
#pragma once

#include <spdlog/logger.h>  // for spdlog::logger

#include <memory>  // for std::shared_ptr

#include "royong/detail/config.hpp"

namespace royong::inline v0 {

/// Python's numbers; a message is written when its level is at least the logger's.
enum class LogLevel : int {
  subdebug = 5,
  debug = 10,
  info = 20,
  subwarning = 25,
  warning = 30,
  error = 40,
  critical = 50,
  off = 100,
};

/** @brief The logger that the library writes to; programs may write to it as well.
 *
 *  Until `log_to_stderr` it writes warnings and worse to stderr. Each line is one write, so lines of several
 *  processes do not mix: `[LEVEL/PROCESS-NAME] message`. It is synchronous: nothing is lost when a process is killed after
 *  the call returned.
 *
 *      get_logger()->info("working on {}", number);
 *
 *  **Threads and processes.** Thread-safe; each process has its own.
 *
 *  Example: examples/logging.cpp
 */
ROYONG_API std::shared_ptr<spdlog::logger> get_logger();

/** @brief Writes messages of at least `level` to stderr, in this process and in the workers it starts from now on.
 *
 *  Example: examples/logging.cpp
 */
ROYONG_API void log_to_stderr(LogLevel level = LogLevel::debug);

}  // namespace royong::inline v0
