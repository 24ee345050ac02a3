// SPDX-License-Identifier: Apache-2.0
#include "process/keeper.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>      // for std::array
#include <exception>  // for std::exception

#include "memory/arena.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "os/process.hpp"
#include "os/syscalls.hpp"
#include "process/self_exec.hpp"
#include "sync/kept_files.hpp"

namespace royong::inline v0::detail {
namespace {

/// Holds nothing of the program that it came from: no descriptor (a reader of the program's output would wait for our end), no folder, no terminal.
void let_go_of_everything() {
  os::close_range(0, ~0U);
  for (int number = 0; number < 3; ++number) os::sys().open("/dev/null", O_RDWR);
  if (::chdir("/") != 0) os::report_errno("cannot leave", "the folder");
}

/// @param parent where a byte is written when the keeper is at work
[[noreturn]] void keep(int parent) noexcept {
  try {
    ::setsid();
    ::prctl(PR_SET_NAME, "royong-keeper");
    if (sync::become_keeper()) {
      const char at_work = 1;
      (void)!::write(parent, &at_work, 1);
      let_go_of_everything();
      sync::keep_files();
    }
  } catch (const std::exception& error) {
    os::report_error(error.what());
  }
  ::_exit(0);
}

}  // namespace

void start_keeper() {
  const pid_t pid = execute_self({.role = Marker::Role::keeper, .arena = memory::arena_fd()});
  const auto end = os::wait_child(-1, pid, os::Wait::block);
  // Without an exit code (the user's wait(-1) was faster) it is believed: a keeper that is not there is started with the next segment.
  if (end && end->exitcode.value_or(0) != 0) {
    os::throw_error(ECHILD, "cannot start", "the keeper of the program's files");
  }
}

void run_keeper() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) os::throw_errno("cannot create", "a pipe");
  const pid_t keeper = ::fork();
  if (keeper == -1) os::throw_errno("cannot start", "the keeper of the program's files");
  if (keeper == 0) keep(pipe[1]);
  ::close(pipe[1]);
  char at_work = 0;
  const auto got = os::retry([&] { return ::read(pipe[0], &at_work, 1); });
  ::_exit(got == 1 ? 0 : 1);
}

}  // namespace royong::inline v0::detail
