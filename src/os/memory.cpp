// SPDX-License-Identifier: Apache-2.0
#include "os/memory.hpp"

#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>  // for std::min
#include <cerrno>     // for errno
#include <string>     // for std::to_string

#include "os/error.hpp"
#include "os/syscalls.hpp"

#ifndef MFD_NOEXEC_SEAL  // Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace royong::inline v0::os {
namespace {

constexpr int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::string memory_file(std::uint64_t bytes) {
  return "a memory file of " + std::to_string(bytes) + " bytes";
}

}  // namespace

Fd create_memfd(const char* name) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd fd(sys().memfd_create(name, flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(sys().memfd_create(name, flags));
  if (!fd) throw_errno("cannot create", std::string("a memory file named ") + name);
  return fd;
}

void resize(int fd, std::uint64_t bytes) {
  if (retry([&] { return sys().ftruncate(fd, static_cast<off_t>(bytes)); }) == -1) {
    throw_errno("cannot make", memory_file(bytes));
  }
}

std::uint64_t file_size(int fd) {
  struct stat status{};
  if (sys().fstat(fd, &status) == -1)
    throw_errno("cannot look at", "descriptor " + std::to_string(fd));
  return static_cast<std::uint64_t>(status.st_size);
}

void seal_size(int fd) {
  if (sys().fcntl(fd, F_ADD_SEALS, size_seals) == -1) throw_errno("cannot seal", "a memory file");
}

bool size_is_sealed(int fd) noexcept {
  const int seals = sys().fcntl(fd, F_GET_SEALS, 0);
  return seals != -1 && (seals & size_seals) == size_seals;
}

std::byte* map_shared(int fd, std::uint64_t bytes) {
  void* where = sys().mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (where == MAP_FAILED) throw_errno("cannot map", memory_file(bytes));
  return static_cast<std::byte*>(where);
}

void unmap(std::byte* where, std::uint64_t bytes) noexcept {
  if (sys().munmap(where, bytes) == -1) report_errno("cannot unmap", "a memory file");
}

bool advise(std::byte* where, std::uint64_t bytes, int advice) noexcept {
  return sys().madvise(where, bytes, advice) == 0;
}

bool punch_hole(int fd, std::uint64_t offset, std::uint64_t bytes) noexcept {
  constexpr int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return retry([&] {
           return sys().fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(bytes));
         }) == 0;
}

Extent find_data(int fd, std::uint64_t begin, std::uint64_t end) noexcept {
  const auto seek = [&](std::uint64_t from, int what) {
    return sys().lseek(fd, static_cast<off_t>(from), what);
  };
  const off_t data = seek(begin, SEEK_DATA);
  if (data == -1) return errno == ENXIO ? Extent{end, end} : Extent{begin, end};
  const auto first = std::min(static_cast<std::uint64_t>(data), end);
  const off_t hole = first < end ? seek(first, SEEK_HOLE) : -1;
  return {first, hole == -1 ? end : std::min(static_cast<std::uint64_t>(hole), end)};
}

bool read_at(int fd, void* out, std::size_t bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = retry([&] {
      return sys().pread(fd, static_cast<std::byte*>(out) + done, bytes - done,
                         static_cast<off_t>(offset + done));
    });
    if (got == -1) throw_errno("cannot read", "descriptor " + std::to_string(fd));
    if (got == 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace royong::inline v0::os
