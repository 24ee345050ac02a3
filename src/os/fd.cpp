// SPDX-License-Identifier: Apache-2.0
#include "os/fd.hpp"

#include <dirent.h>

#include <algorithm>  // for std::min
#include <charconv>   // for std::from_chars
#include <cstring>    // for std::strlen
#include <memory>     // for std::unique_ptr
#include <string>     // for std::to_string

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

void Fd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0 || sys().close(old) == 0 || errno == EINTR) return;
  report_errno("cannot close", "a descriptor");
}

Fd duplicate(int fd) {
  Fd copy(sys().fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw_errno("cannot duplicate", "descriptor " + std::to_string(fd));
  return copy;
}

void set_close_on_exec(int fd, bool on) {
  if (sys().fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == -1) {
    throw_errno("cannot change the flags of", "descriptor " + std::to_string(fd));
  }
}

void close_range(unsigned first, unsigned last) noexcept {
  if (sys().close_range(first, last, 0) == 0) return;
  // Before Linux 5.9, and under valgrind: what the kernel lists, or everything up to the limit
  // where it lists nothing.
  if (const std::unique_ptr<DIR, CloseDirectory> open{::opendir("/proc/self/fd")}) {
    const auto own = static_cast<unsigned>(::dirfd(open.get()));
    while (const dirent* entry = ::readdir(open.get())) {
      unsigned fd = 0;
      const char* end = entry->d_name + std::strlen(entry->d_name);
      if (std::from_chars(entry->d_name, end, fd).ptr != end) continue;
      if (fd >= first && fd <= last && fd != own) sys().close(static_cast<int>(fd));
    }
    return;
  }
  rlimit limit{};
  if (sys().getrlimit(RLIMIT_NOFILE, &limit) == -1) limit.rlim_cur = 1024;
  for (rlim_t fd = first; fd <= std::min<rlim_t>(last, limit.rlim_cur); ++fd) {
    sys().close(static_cast<int>(fd));
  }
}

}  // namespace royong::inline v0::os
