// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "memory/objects.hpp"
#include "os/error.hpp"
#include "process/death_pipe.hpp"
#include "process/launch.hpp"
#include "process/runtime.hpp"
#include "process/worker.hpp"

namespace royong::inline v0::detail {

Launched launch_by_fork(memory::Owner slot, const std::function<void()>& local) {
  // The fork handlers close the parent's ends in the child: it needs a read end of its own.
  os::Fd death_pipe(::fcntl(death_pipe_read_end(), F_DUPFD_CLOEXEC, 0));
  if (!death_pipe) os::throw_errno("cannot duplicate", "the death pipe");
  memory::grant_shares(slot);
  Lifeline line = Lifeline::make();
  // What is buffered would be written by both. Not of all streams: a thread that reads from one holds its lock, maybe for ever.
  std::fflush(stdout);
  std::fflush(stderr);
  const pid_t pid = ::fork();
  if (pid < 0) os::throw_errno("cannot fork", "a process");
  if (pid == 0) {
    reset_after_fork();
    hold_lifeline(line.release_childs());
    run_worker({.slot = slot,
                .death_pipe = death_pipe.release(),
                .local = local ? &local : nullptr,
                .forked = true});
  }
  Launched launched = supervise(pid, std::move(line));
  tell_to_go(slot);
  return launched;
}

}  // namespace royong::inline v0::detail
