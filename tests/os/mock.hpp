// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A system call replaced for the length of a test.
 */
#pragma once

#include <cerrno>     // for errno
#include <exception>  // for std::exception
#include <string>     // for std::string

#include "os/syscalls.hpp"

namespace royong_test {

/// Replaces one entry of the table; the real one comes back with the end of the scope.
template <class Call>
class Mock {
 public:
  Mock(Call royong::os::Syscalls::* entry, Call replacement) : entry_(entry) {
    real_ = royong::os::sys().*entry_;
    royong::os::sys().*entry_ = replacement;
  }
  ~Mock() { royong::os::sys().*entry_ = real_; }
  Mock(const Mock&) = delete;
  Mock& operator=(const Mock&) = delete;

 private:
  Call royong::os::Syscalls::* entry_;
  Call real_;
};

/// What a failing call does.
template <class Result = int>
Result fail(int error) {
  errno = error;
  return static_cast<Result>(-1);
}

/// What `action` throws, as text; empty where it throws nothing.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

}  // namespace royong_test
