// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <utility>

#include "memory/objects.hpp"
#include "os/error.hpp"
#include "process/death_pipe.hpp"
#include "process/exit.hpp"
#include "process/launch.hpp"
#include "process/runtime.hpp"
#include "process/signals.hpp"
#include "process/worker.hpp"

namespace royong::inline v0::detail {

Launched launch_by_fork(memory::Owner slot, const std::function<void()>& local) {
  os::Fd death_pipe = open_death_pipe(death_pipe_read_end());
  memory::grant_shares(slot);
  Lifeline line = Lifeline::make();
  // Not of all streams: a thread that reads from one holds its lock, maybe for ever.
  flush_standard_streams();
  const pid_t pid = ::fork();
  if (pid < 0) os::throw_errno("cannot fork", "a process");
  if (pid == 0) {
    reset_after_fork();
    forget_blocked_signals();
    hold_lifeline(line.release_childs());
    run_worker({.slot = slot,
                .death_pipe = death_pipe.release(),
                .birth = Birth::forked,
                .local = local ? &local : nullptr});
  }
  Launched launched = supervise(pid, std::move(line));
  tell_to_go(slot);
  return launched;
}

}  // namespace royong::inline v0::detail
