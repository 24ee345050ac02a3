// SPDX-License-Identifier: Apache-2.0
#include "os/error.hpp"

#include <sys/uio.h>

#include <array>         // for std::array
#include <atomic>        // for std::atomic
#include <cerrno>        // for errno
#include <exception>     // for std::exception
#include <string>        // for std::string
#include <system_error>  // for std::system_error

namespace royong::inline v0::os {
namespace {

// One writev, so that lines of several processes do not mix.
void write_line(std::string_view message) noexcept {
  constexpr std::string_view prefix = "royong: ";
  constexpr std::string_view end = "\n";
  std::array<iovec, 3> parts{{{const_cast<char*>(prefix.data()), prefix.size()},
                              {const_cast<char*>(message.data()), message.size()},
                              {const_cast<char*>(end.data()), end.size()}}};
  [[maybe_unused]] auto written = ::writev(2, parts.data(), static_cast<int>(parts.size()));
}

std::atomic<ErrorReporter> current_reporter{write_line};

std::string joined(std::string_view cannot_verb, std::string_view object) {
  return std::string(cannot_verb).append(" ").append(object);
}

}  // namespace

void throw_error(int code, std::string_view cannot_verb, std::string_view object) {
  throw std::system_error(code, std::generic_category(), joined(cannot_verb, object));
}

void throw_errno(std::string_view cannot_verb, std::string_view object) {
  throw_error(errno, cannot_verb, object);
}

void set_error_reporter(ErrorReporter reporter) noexcept {
  current_reporter = reporter ? reporter : write_line;
}

void report_error(std::string_view message) noexcept { current_reporter.load()(message); }

void report_errno(std::string_view cannot_verb, std::string_view object) noexcept {
  const int code = errno;
  try {
    report_error(joined(cannot_verb, object) + ": " + std::generic_category().message(code));
  } catch (const std::exception&) {
    report_error("cannot report an error: out of memory");
  }
}

}  // namespace royong::inline v0::os
