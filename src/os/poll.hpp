// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Waiting for descriptors until a deadline, resumed after signals.
 */
#pragma once

#include <poll.h>
#include <sys/epoll.h>

#include <chrono>   // for std::chrono::steady_clock
#include <cstdint>  // for std::uint64_t
#include <span>     // for std::span

#include "os/fd.hpp"
#include "os/futex.hpp"

namespace royong::inline v0::os {

/// Waits until one of `fds` is ready. @return how many are; 0: the deadline passed
/// (`Deadline::min()` only looks)
int poll(std::span<pollfd> fds, Deadline deadline);

/** @brief An epoll instance; `data` is the caller's key of an entry.
 *
 *  Remove an entry before its descriptor is closed: a copy inherited by another process would keep
 * the entry alive. Hence the key should never be the descriptor's number.
 */
class Epoll {
 public:
  Epoll();  ///< @throws std::system_error
  int fd() const noexcept { return fd_.get(); }
  void add(int fd, std::uint32_t events, std::uint64_t data);
  void modify(int fd, std::uint32_t events, std::uint64_t data);
  void remove(int fd);
  /// @return the ready entries, the front of `events`; none: the deadline passed
  std::span<epoll_event> wait(std::span<epoll_event> events, Deadline deadline);

 private:
  void control(int operation, int fd, std::uint32_t events, std::uint64_t data);
  Fd fd_;
};

/// A counter that poll can wait for, non-blocking and close-on-exec.
class EventFd {
 public:
  EventFd();  ///< @throws std::system_error
  int fd() const noexcept { return fd_.get(); }
  void signal() noexcept;
  /// Makes it unreadable again. @return whether it was signalled
  bool drain() noexcept;

 private:
  Fd fd_;
};

}  // namespace royong::inline v0::os
