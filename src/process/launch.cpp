// SPDX-License-Identifier: Apache-2.0
#include "process/launch.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "os/futex.hpp"
#include "os/process.hpp"
#include "os/syscalls.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::detail {

void tell_to_go(memory::Owner slot) noexcept {
  auto& go = memory::slot(slot).go;
  go.store(1, std::memory_order_release);  // after it the start-up message is seen
  os::futex_wake(go, 1);
}

void wait_until_told(memory::Owner self) noexcept {
  auto& go = memory::slot(self).go;
  if (go.load(std::memory_order_acquire) != 0) return;
  // About the time in which the parent takes the child under supervision.
  sync::Spinner spinner(50);
  while (go.load(std::memory_order_acquire) == 0) {
    if (!spinner.once()) os::futex_wait(go, 0, os::Deadline::max());
  }
}

void discard(pid_t child) noexcept {
  // Where another part of the program has reaped it (SIGCHLD ignored, a wait for any child), the number may be a stranger's.
  siginfo_t info{};
  const auto is_ours = os::retry([&] {
    return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
  });
  if (is_ours != 0) return;
  ::kill(child, SIGKILL);
  os::retry([&] { return ::waitpid(child, nullptr, 0); });
}

Launched supervise(pid_t child, Lifeline line) {
  if (line) return {child, line.release(), false};
  try {
    return {child, os::pidfd_open(child), true};
  } catch (...) {
    discard(child);
    throw;
  }
}

}  // namespace royong::inline v0::detail
