// SPDX-License-Identifier: Apache-2.0
#include "os/shm.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>  // for std::min
#include <cerrno>     // for errno

#include "os/error.hpp"
#include "os/limits.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

constexpr const char* folder = "/dev/shm";

std::string object(std::string_view name) {
  return name.empty() ? "shared memory" : "shared memory " + std::string(name);
}

// What the kernel would answer with a signal and not with an error.
void refuse_impossible(std::uint64_t bytes, std::string_view name) {
  const rlimit limit = get_limit(RLIMIT_FSIZE);
  if (limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur) {
    throw_error(EFBIG, "cannot create", object(name));
  }
  const std::uint64_t machine = total_memory();
  if (bytes > std::min(machine, cgroup_memory().value_or(machine))) {
    throw_error(ENOMEM, "cannot create", object(name));
  }
}

}  // namespace

std::string shm_path(std::string_view name) {
  return std::string(folder) + "/" + std::string(name);
}

Fd create_shm(std::uint64_t bytes, std::string_view name) {
  refuse_impossible(bytes, name);
  Fd fd(sys().create(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) throw_errno("cannot create", object(name));
  // Whatever the umask is; and pages taken now are no SIGBUS later, when /dev/shm is full.
  if (sys().fchmod(fd.get(), 0600) == -1 ||
      retry([&] { return sys().ftruncate(fd.get(), static_cast<off_t>(bytes)); }) == -1 ||
      (retry([&] { return sys().fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)); }) == -1 &&
       errno != EOPNOTSUPP)) {
    throw_errno("cannot create", object(name));
  }
  return fd;
}

void name_shm(int fd, std::string_view name) {
  const std::string file = "/proc/self/fd/" + std::to_string(fd);
  if (sys().linkat(AT_FDCWD, file.c_str(), AT_FDCWD, shm_path(name).c_str(), AT_SYMLINK_FOLLOW) ==
      -1) {
    throw_errno("cannot create", object(name));
  }
}

Fd open_shm(std::string_view name) {
  const std::string path = shm_path(name);
  Fd fd(retry([&] {
    return sys().open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  }));
  if (!fd) throw_errno("cannot open", object(name));
  return fd;
}

}  // namespace royong::inline v0::os
