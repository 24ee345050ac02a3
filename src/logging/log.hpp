// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How the library's own floors write to the log, and what a worker inherits of it.
 *
 *  Nothing here holds a lock: a fork at any instant leaves the child with a log that works. Nothing throws, so
 *  destructors and `noexcept` hooks may use it; a message that cannot be formatted or written is dropped.
 */
#pragma once

#include <fmt/format.h>

#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <utility>      // for std::forward

#include "royong/logging.hpp"

namespace royong::inline v0::detail {

/// The lowest level that is written by this process.
LogLevel log_level() noexcept;
/// Sets it, as `log_to_stderr` does; a worker is told its parent's.
void set_log_level(LogLevel level) noexcept;

/// The name that lines of this process carry: "MainProcess" until it is set.
void set_process_name(std::string name);

/// Writes one line, whatever the level is. Prefer `log`.
void write_log(LogLevel level, std::string_view text) noexcept;

/// Formats and writes one line when `level` is at least `log_level()`.
template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) noexcept {
  if (level < log_level()) return;
  try {
    write_log(level, fmt::format(text, std::forward<Args>(args)...));
  } catch (...) {
    return;  // out of memory, or a formatter that throws: the log is not worth the program's end
  }
}

/// What a user should know although nothing failed: a degraded mode, an owner's death.
template <class... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) noexcept {
  log(LogLevel::warning, text, std::forward<Args>(args)...);
}

}  // namespace royong::inline v0::detail
