// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Fd: the owner of a file descriptor.
 */
#pragma once

#include <utility>  // for std::exchange

namespace royong::inline v0::os {

/** @brief Owns one descriptor; move-only.
 *
 *  Closing is never repeated after EINTR: on Linux the descriptor is gone by then, and its number
 * may already belong to another thread. A failed close is reported, never thrown.
 */
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A second descriptor, close-on-exec, of the same open file. @throws std::system_error
Fd duplicate(int fd);

/// Sets or clears close-on-exec. @throws std::system_error
void set_close_on_exec(int fd, bool on);

/// Closes every descriptor from `first` to `last` that is open; there is nothing to report.
void close_range(unsigned first, unsigned last) noexcept;

}  // namespace royong::inline v0::os
