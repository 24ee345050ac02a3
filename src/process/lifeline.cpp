// SPDX-License-Identifier: Apache-2.0
#include "process/lifeline.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "logging/log.hpp"
#include "os/socket.hpp"
#include "os/syscalls.hpp"
#include "royong/init.hpp"

namespace royong::inline v0::detail {
namespace {

struct Lifelines {
  std::mutex mutex;
  std::vector<int> childs;  ///< halves of children that are being made
  os::Fd held;              ///< this process's own
};

Lifelines& lifelines() {
  static auto& instance = *new Lifelines;
  return instance;
}

thread_local int making = -1;  // the half for the child that this thread makes

}  // namespace

bool has_pidfds() {
  static std::atomic<bool> missing{false};
  if (missing) return false;
  const os::Fd probe(os::sys().pidfd_open(::getpid(), 0));
  // A container refuses what it does not know with either. Other errors are no answer to the question.
  if (probe || (errno != ENOSYS && errno != EPERM)) return true;
  if (!missing.exchange(true))
    log(is_worker() ? LogLevel::info : LogLevel::warning,
        "pidfd_open is not available here: sockets tell the ends of processes instead");
  return false;
}

Lifeline Lifeline::make() {
  Lifeline line;
  if (has_pidfds()) return line;
  auto& own = lifelines();
  const std::lock_guard lock(own.mutex);
  own.childs.reserve(own.childs.size() + 1);
  auto [ours, childs] = os::socket_pair(SOCK_STREAM);
  own.childs.push_back(childs.get());
  making = childs.get();
  line.ours_ = std::move(ours);
  line.childs_ = std::move(childs);
  return line;
}

Lifeline::~Lifeline() { release(); }

os::Fd Lifeline::release() noexcept {
  if (childs_) {
    auto& own = lifelines();
    const std::lock_guard lock(own.mutex);
    std::erase(own.childs, childs_.get());
    childs_.reset();
    making = -1;
  }
  return std::move(ours_);
}

int Lifeline::release_childs() noexcept {
  ours_.reset();
  making = -1;
  return childs_.release();
}

void hold_lifeline(int fd) noexcept {
  if (fd < 0) return;
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  lifelines().held.reset(fd);
}

void lock_lifelines() { lifelines().mutex.lock(); }
void unlock_lifelines() { lifelines().mutex.unlock(); }

void close_lifelines_after_fork() noexcept {
  auto& own = lifelines();
  for (const int fd : own.childs)
    if (fd != making) ::close(fd);
  own.childs.clear();
  own.held.reset();
}

}  // namespace royong::inline v0::detail
