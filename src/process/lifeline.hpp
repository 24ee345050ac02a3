// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lifeline: tells a child's end where the kernel has no pidfd_open (old ones, some containers, valgrind).
 *
 *  A pair of sockets of which the child alone holds the other half: its end is the end of the stream. So nobody else may have a
 *  copy: every fork closes those of all other children, and the child does not hand its own down.
 */
#pragma once

#include "os/fd.hpp"

namespace royong::inline v0::detail {

/// Whether pidfds can be opened. The first time that they cannot, the log says so.
bool has_pidfds();

class Lifeline {
 public:
  /// None where there are pidfds. @throws std::system_error
  static Lifeline make();

  Lifeline() = default;
  Lifeline(Lifeline&&) noexcept = default;
  Lifeline& operator=(Lifeline&&) = delete;
  ~Lifeline();

  explicit operator bool() const noexcept { return static_cast<bool>(ours_); }
  /// The half to hand down; -1 for none.
  int childs() const noexcept { return childs_.get(); }
  /// In the child of a fork: the child's half; ours is closed here.
  int release_childs() noexcept;
  /// In the parent: gives our half away; the child's is closed here. For when the child exists.
  os::Fd release() noexcept;

 private:
  os::Fd ours_;
  os::Fd childs_;
};

/// In the child: keeps its half to the end. @param fd -1 for none
void hold_lifeline(int fd) noexcept;

/// For the fork handlers. No half is handed to a child that it is not for.
void lock_lifelines();
void unlock_lifelines();
/// In the child of a fork, with the lock held: closes all but the one that this thread makes.
void close_lifelines_after_fork() noexcept;

}  // namespace royong::inline v0::detail
