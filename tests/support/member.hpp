// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Member: a forked process that takes part in the family, for tests below the process floor.
 */
#pragma once

#include <sys/types.h>

#include <functional>  // for std::function

#include "memory/slots.hpp"

namespace royong_test {

/** @brief Runs a function in a fork of this process that has claimed a slot and inherited all handles.
 *
 *  A failed expectation, or an exception that escapes, makes its exit code 1. The destructor kills it if it still runs.
 */
class Member {
 public:
  explicit Member(const std::function<void()>& body);
  ~Member();
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// SIGKILL, and nobody sweeps until `wait`.
  void kill() const;
  /// Reaps, sweeps, and makes the death broadcast, as the parent of a process does. @return exit code, -N for signal N
  int wait();
  /// Reaps alone: as if the parent were stopped.
  int reap_without_sweep();
  void sweep();

 private:
  pid_t pid_ = 0;
  royong::memory::Owner slot_;
  bool reaped_ = false;
  bool swept_ = false;
  int code_ = 0;
};

}  // namespace royong_test
