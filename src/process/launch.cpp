// SPDX-License-Identifier: Apache-2.0
#include "process/launch.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>

#include "os/process.hpp"

namespace royong::inline v0::detail {

void discard(const Launched& child) noexcept {
  // Not reaped yet, so the number is still this child's.
  ::kill(child.pid, SIGKILL);
  while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Launched with_pidfd(pid_t child) {
  try {
    return {child, os::pidfd_open(child)};
  } catch (...) {
    discard({child, {}});
    throw;
  }
}

}  // namespace royong::inline v0::detail
