// SPDX-License-Identifier: Apache-2.0
#include "os/process.hpp"

#include <linux/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>  // for std::max, std::ranges::sort
#include <array>      // for std::array
#include <cstdint>    // for std::uint64_t
#include <vector>     // for std::vector

#include "os/error.hpp"
#include "os/poll.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

constexpr int pidfd_type = 3;  // P_PIDFD, Linux 5.4; an enumerator that older headers lack

// PIDFD_GET_INFO (Linux 6.13) in its first form, and the bit (6.15) that says the exit status is
// filled in.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::array<std::uint32_t, 11> ids;
  std::int32_t exit_status;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t info_exit = 1U << 3;
constexpr unsigned long get_info = _IOWR(0xFF, 11, PidfdInfo);

int code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

ExitStatus forgotten_status(int pidfd) {
  PidfdInfo info{};
  info.mask = info_exit;
  if (sys().ioctl(pidfd, get_info, &info) == -1 || !(info.mask & info_exit)) return {};
  return {code_of(info.exit_status)};
}

// Somebody else reaped it (SIGCHLD ignored, or a wait for any child), or it is no child of ours:
// only the pidfd still tells whether it ended.
std::optional<ExitStatus> status_of_stranger(int pidfd, pid_t pid, Wait wait) {
  if (pidfd < 0) {
    if (sys().kill(pid, 0) == -1) return ExitStatus{};
    throw_error(ECHILD, "cannot wait for", "process " + std::to_string(pid));
  }
  pollfd ended{pidfd, POLLIN, 0};
  const Deadline deadline = wait == Wait::poll ? Deadline::min() : Deadline::max();
  if (poll({&ended, 1}, deadline) == 0) return {};
  return forgotten_status(pidfd);
}

// Owns what posix_spawn is told.
class SpawnPlan {
 public:
  SpawnPlan() {
    check(::posix_spawn_file_actions_init(&actions_));
    if (const int error = ::posix_spawnattr_init(&attributes_)) {
      ::posix_spawn_file_actions_destroy(&actions_);
      check(error);
    }
  }
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void default_signals() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    check(::posix_spawnattr_setsigmask(&attributes_, &none));
    check(::posix_spawnattr_setsigdefault(&attributes_, &all));
    check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }

  // Closes by number, not by a list of what is open now: another thread may open more before the
  // child is born.
  void keep_only(std::vector<int> keep) {
    std::ranges::sort(keep);
    int next = STDERR_FILENO + 1;
    for (const int fd : keep) {
      for (; next < fd; ++next) check(::posix_spawn_file_actions_addclose(&actions_, next));
      // A dup2 to itself clears close-on-exec, in the child only.
      check(::posix_spawn_file_actions_adddup2(&actions_, fd, fd));
      next = std::max(next, fd + 1);
    }
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, next));
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static void check(int error) {
    if (error != 0) throw_error(error, "cannot prepare", "the start of a process");
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Fd pidfd_open(pid_t pid) {
  Fd fd(sys().pidfd_open(pid, 0));
  if (!fd) throw_errno("cannot open", "a descriptor of process " + std::to_string(pid));
  return fd;
}

bool send_signal(int pidfd, pid_t pid, int signal) {
  int result = pidfd < 0 ? -1 : sys().pidfd_send_signal(pidfd, signal);
  if (result == -1 && (pidfd < 0 || errno == ENOSYS)) result = sys().kill(pid, signal);
  if (result == 0) return true;
  if (errno == ESRCH) return false;
  throw_errno("cannot send signal " + std::to_string(signal) + " to",
              "process " + std::to_string(pid));
}

std::optional<ExitStatus> wait_child(int pidfd, pid_t pid, Wait wait) {
  const int options = WEXITED | (wait == Wait::poll ? WNOHANG : 0);
  siginfo_t info{};
  const auto wait_for = [&](int type, id_t id) {
    info.si_pid = 0;  // what WNOHANG leaves when the child still runs
    return retry([&] { return sys().waitid(type, id, &info, options); });
  };
  int result = pidfd < 0 ? -1 : wait_for(pidfd_type, static_cast<id_t>(pidfd));
  if (result == -1 && (pidfd < 0 || errno == EINVAL)) {  // EINVAL: before Linux 5.4
    result = wait_for(P_PID, static_cast<id_t>(pid));
  }
  if (result == -1) {
    if (errno == ECHILD) return status_of_stranger(pidfd, pid, wait);
    throw_errno("cannot wait for", "process " + std::to_string(pid));
  }
  if (info.si_pid == 0) return {};
  return ExitStatus{info.si_code == CLD_EXITED ? info.si_status : -info.si_status};
}

pid_t spawn(const std::string& path, std::span<const std::string> argv, std::span<const int> keep,
            const std::string& variable) {
  SpawnPlan plan;
  plan.default_signals();
  plan.keep_only({keep.begin(), keep.end()});
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  if (!variable.empty()) environment.push_back(const_cast<char*>(variable.c_str()));
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int error = sys().posix_spawn(&pid, path.c_str(), plan.actions(), plan.attributes(),
                                      arguments.data(), environment.data());
  if (error != 0) throw_error(error, "cannot start", path);
  return pid;
}

}  // namespace royong::inline v0::os
