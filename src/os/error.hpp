// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How a failed system call is told: thrown as "cannot <verb> <object>", or reported where
 * nothing may throw.
 */
#pragma once

#include <string_view>  // for std::string_view

namespace royong::inline v0::os {

/// Throws the current `errno`: `throw_errno("cannot open", "/path")` reads "cannot open /path: No
/// such file or directory".
[[noreturn]] void throw_errno(std::string_view cannot_verb, std::string_view object);
/// The same for calls that return their error (pthread_*, posix_spawn).
[[noreturn]] void throw_error(int code, std::string_view cannot_verb, std::string_view object);

/// Receives what a destructor has to say. Must not throw.
using ErrorReporter = void (*)(std::string_view message) noexcept;

/// Installs the reporter of the logging floor; null brings back the default, one line on stderr.
void set_error_reporter(ErrorReporter reporter) noexcept;

void report_error(std::string_view message) noexcept;
/// Reports the current `errno` in the same words.
void report_errno(std::string_view cannot_verb, std::string_view object) noexcept;

}  // namespace royong::inline v0::os
