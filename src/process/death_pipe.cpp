// SPDX-License-Identifier: Apache-2.0
#include "process/death_pipe.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <string>
#include <utility>

#include "os/error.hpp"
#include "os/fd.hpp"

namespace royong::inline v0::detail {
namespace {

struct DeathPipe {
  std::mutex mutex;
  os::Fd read_end;
  os::Fd write_end;
  os::Fd armed;  // this process's own tie to its parent
};

// Never destroyed: the write end must stay open until the kernel closes it.
DeathPipe& death_pipe() {
  static auto& pipe = *new DeathPipe;
  return pipe;
}

}  // namespace

int death_pipe_read_end() {
  auto& own = death_pipe();
  const std::lock_guard lock(own.mutex);
  if (!own.read_end) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) os::throw_errno("cannot create", "the death pipe");
    own.read_end = os::Fd(ends[0]);
    own.write_end = os::Fd(ends[1]);
    // The children open it anew, also when this process has changed its user by then. Nobody else can: it has no name.
    ::fchmod(ends[0], S_IRUSR | S_IRGRP | S_IROTH);
  }
  return own.read_end.get();
}

void lock_death_pipe() { death_pipe().mutex.lock(); }
void unlock_death_pipe() { death_pipe().mutex.unlock(); }

void close_death_pipe_after_fork() noexcept {
  auto& own = death_pipe();
  own.write_end.reset();
  own.read_end.reset();
  own.armed.reset();
}

os::Fd open_death_pipe(int read_end) {
  const std::string path = "/proc/self/fd/" + std::to_string(read_end);
  os::Fd own(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!own) os::throw_errno("cannot open", "the death pipe");
  if (::fcntl(own.get(), F_SETSIG, SIGKILL) != 0 ||
      ::fcntl(own.get(), F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
    os::throw_errno("cannot arm", "the death pipe");
  }
  return own;
}

void arm_death_pipe(os::Fd own) {
  if (::fcntl(own.get(), F_SETOWN, ::getpid()) != 0)
    os::throw_errno("cannot arm", "the death pipe");
  // The parent may have died before the signal had an owner: then there is no writer any more.
  char byte = 0;
  if (::read(own.get(), &byte, 1) == 0) ::_exit(128 + SIGKILL);
  death_pipe().armed = std::move(own);
}

}  // namespace royong::inline v0::detail
