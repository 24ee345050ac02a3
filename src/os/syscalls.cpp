// SPDX-License-Identifier: Apache-2.0
#include "os/syscalls.hpp"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace royong::inline v0::os {
namespace {

// Numbers that older kernel headers lack; the same on every architecture since 5.0.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

constexpr Syscalls kernel{
    .open = [](const char* path, int flags) { return ::open(path, flags); },
    .create = [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
    .close = ::close,
    .close_range =
        [](unsigned first, unsigned last, unsigned flags) {
          return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
        },
    .read = ::read,
    .pread = ::pread,
    .lseek = ::lseek,
    .write = ::write,
    .readlink = [](const char* path, char* buffer,
                   std::size_t size) { return ::readlink(path, buffer, size); },
    .stat = [](const char* path, struct stat* out) { return ::stat(path, out); },
    .lstat = [](const char* path, struct stat* out) { return ::lstat(path, out); },
    .fstat = [](int fd, struct stat* out) { return ::fstat(fd, out); },
    .statx = [](int directory, const char* path, int flags, unsigned mask,
                struct statx* out) { return ::statx(directory, path, flags, mask, out); },
    .fchmod = ::fchmod,
    .linkat = ::linkat,
    .unlink = ::unlink,
    .fcntl = [](int fd, int command, long argument) { return ::fcntl(fd, command, argument); },
    .ioctl = [](int fd, unsigned long request,
                void* argument) { return ::ioctl(fd, request, argument); },
    .memfd_create = ::memfd_create,
    .ftruncate = ::ftruncate,
    .fallocate = ::fallocate,
    .mmap = ::mmap,
    .munmap = ::munmap,
    .madvise = ::madvise,
    .pidfd_open =
        [](pid_t pid, unsigned flags) {
          return static_cast<int>(::syscall(SYS_pidfd_open, pid, flags));
        },
    .pidfd_send_signal =
        [](int pidfd, int signal) {
          return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
        },
    .kill = ::kill,
    .waitid = [](int type, id_t id, siginfo_t* out,
                 int options) { return ::waitid(static_cast<idtype_t>(type), id, out, options); },
    .posix_spawn = ::posix_spawn,
    .futex =
        [](std::uint32_t* word, int operation, std::uint32_t value, const timespec* deadline,
           std::uint32_t bits) {
          return ::syscall(SYS_futex, word, operation, value, deadline, nullptr, bits);
        },
    .ppoll = ::ppoll,
    .epoll_create1 = ::epoll_create1,
    .epoll_ctl = ::epoll_ctl,
    .epoll_wait = ::epoll_wait,
    .eventfd = ::eventfd,
    .socketpair = ::socketpair,
    .socket = ::socket,
    .bind = [](int fd, const sockaddr* address,
               socklen_t size) { return ::bind(fd, address, size); },
    .listen = ::listen,
    .accept4 = [](int fd, sockaddr* address, socklen_t* size,
                  int flags) { return ::accept4(fd, address, size, flags); },
    .connect = [](int fd, const sockaddr* address,
                  socklen_t size) { return ::connect(fd, address, size); },
    .shutdown = ::shutdown,
    .getsockname = [](int fd, sockaddr* address,
                      socklen_t* size) { return ::getsockname(fd, address, size); },
    .getsockopt = ::getsockopt,
    .setsockopt = ::setsockopt,
    .sendmsg = ::sendmsg,
    .recvmsg = ::recvmsg,
    .getrlimit =
        [](int resource, rlimit* out) {
          return ::getrlimit(static_cast<__rlimit_resource>(resource), out);
        },
    .setrlimit =
        [](int resource, const rlimit* value) {
          return ::setrlimit(static_cast<__rlimit_resource>(resource), value);
        },
    .getpriority =
        [](int which, id_t who) {
          return ::getpriority(static_cast<__priority_which>(which), who);
        },
    .setpriority =
        [](int which, id_t who, int value) {
          return ::setpriority(static_cast<__priority_which>(which), who, value);
        },
    .sched_getaffinity = ::sched_getaffinity,
    .sched_setaffinity = ::sched_setaffinity,
};

}  // namespace

Syscalls& sys() noexcept {
  static constinit Syscalls table = kernel;
  return table;
}

}  // namespace royong::inline v0::os
