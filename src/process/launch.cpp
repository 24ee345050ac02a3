// SPDX-License-Identifier: Apache-2.0
#include "process/launch.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>

#include "os/futex.hpp"
#include "os/process.hpp"

namespace royong::inline v0::detail {

void tell_to_go(memory::Owner slot) noexcept {
  auto& go = memory::slot(slot).go;
  go.store(1, std::memory_order_release);  // after it the start-up message is seen
  os::futex_wake(go, 1);
}

void wait_until_told(memory::Owner self) noexcept {
  auto& go = memory::slot(self).go;
  while (go.load(std::memory_order_acquire) == 0) os::futex_wait(go, 0, os::Deadline::max());
}

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
