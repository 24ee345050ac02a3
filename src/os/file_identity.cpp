// SPDX-License-Identifier: Apache-2.0
#include "os/file_identity.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>  // for errno

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {

FileIdentity identity_of(int fd) {
  struct stat status{};
  if (sys().fstat(fd, &status) == -1) throw_errno("cannot look at", "a file");
  return {.device = status.st_dev, .inode = status.st_ino};
}

std::optional<FileIdentity> identity_at(const std::string& path) noexcept {
  // The C library answers it with stat, without a birth, where the kernel does not know it.
  struct statx status{};
  if (sys().statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) ==
      -1) {
    return std::nullopt;
  }
  FileIdentity file{.device = ::makedev(status.stx_dev_major, status.stx_dev_minor),
                    .inode = status.stx_ino};
  if ((status.stx_mask & STATX_BTIME) != 0) {
    file.birth = static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000U +
                 status.stx_btime.tv_nsec;
  }
  return file;
}

int unlink_file(const std::string& path, const FileIdentity& file) noexcept {
  const auto present = identity_at(path);
  if (!present) return errno;
  if (!present->matches(file)) return ENOENT;
  return sys().unlink(path.c_str()) == -1 ? errno : 0;
}

}  // namespace royong::inline v0::os
