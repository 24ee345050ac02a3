// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The one table through which every wrapper of this floor reaches the kernel, so that a
 * test can replace an entry.
 *
 *  Entries behave like the C library's functions: -1 and `errno`.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <cerrno>   // for errno
#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::uint32_t

namespace royong::inline v0::os {

struct Syscalls {
  int (*open)(const char* path, int flags);
  int (*create)(const char* path, int flags, mode_t mode);  ///< open, with the mode of a new file
  int (*close)(int fd);
  int (*close_range)(unsigned first, unsigned last, unsigned flags);
  ssize_t (*read)(int fd, void* buffer, std::size_t size);
  ssize_t (*pread)(int fd, void* buffer, std::size_t size, off_t offset);
  off_t (*lseek)(int fd, off_t offset, int whence);
  ssize_t (*write)(int fd, const void* buffer, std::size_t size);
  ssize_t (*readlink)(const char* path, char* buffer, std::size_t size);
  int (*stat)(const char* path, struct stat* out);
  int (*lstat)(const char* path, struct stat* out);
  int (*fstat)(int fd, struct stat* out);
  int (*statx)(int folder, const char* path, int flags, unsigned mask, struct statx* out);
  int (*fchmod)(int fd, mode_t mode);
  int (*linkat)(int from, const char* path, int to, const char* name, int flags);
  int (*unlink)(const char* path);
  int (*fcntl)(int fd, int command, long argument);
  int (*ioctl)(int fd, unsigned long request, void* argument);

  int (*memfd_create)(const char* name, unsigned flags);
  int (*ftruncate)(int fd, off_t size);
  int (*fallocate)(int fd, int mode, off_t offset, off_t size);
  void* (*mmap)(void* where, std::size_t size, int protection, int flags, int fd, off_t offset);
  int (*munmap)(void* where, std::size_t size);
  int (*madvise)(void* where, std::size_t size, int advice);

  int (*pidfd_open)(pid_t pid, unsigned flags);
  int (*pidfd_send_signal)(int pidfd, int signal);
  int (*kill)(pid_t pid, int signal);
  int (*waitid)(int type, id_t id, siginfo_t* out, int options);
  int (*posix_spawn)(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const argv[], char* const envp[]);

  long (*futex)(std::uint32_t* word, int operation, std::uint32_t value, const timespec* deadline,
                std::uint32_t bits);
  int (*ppoll)(pollfd* fds, nfds_t count, const timespec* time, const sigset_t* mask);
  int (*epoll_create1)(int flags);
  int (*epoll_ctl)(int epoll, int operation, int fd, epoll_event* event);
  int (*epoll_wait)(int epoll, epoll_event* events, int count, int milliseconds);
  int (*eventfd)(unsigned initial, int flags);

  int (*socketpair)(int domain, int type, int protocol, int fds[2]);
  int (*socket)(int domain, int type, int protocol);
  int (*bind)(int fd, const sockaddr* address, socklen_t size);
  int (*listen)(int fd, int backlog);
  int (*accept4)(int fd, sockaddr* address, socklen_t* size, int flags);
  int (*connect)(int fd, const sockaddr* address, socklen_t size);
  int (*shutdown)(int fd, int how);
  int (*getsockname)(int fd, sockaddr* address, socklen_t* size);
  int (*getsockopt)(int fd, int level, int name, void* value, socklen_t* size);
  int (*setsockopt)(int fd, int level, int name, const void* value, socklen_t size);
  ssize_t (*sendmsg)(int fd, const msghdr* message, int flags);
  ssize_t (*recvmsg)(int fd, msghdr* message, int flags);

  int (*getrlimit)(int resource, rlimit* out);
  int (*setrlimit)(int resource, const rlimit* value);
  int (*getpriority)(int which, id_t who);
  int (*setpriority)(int which, id_t who, int value);
  int (*sched_getaffinity)(pid_t pid, std::size_t size, cpu_set_t* out);
  int (*sched_setaffinity)(pid_t pid, std::size_t size, const cpu_set_t* mask);
};

/// The table. Tests change it, while no other thread makes calls.
Syscalls& sys() noexcept;

/// Repeats `call` while it fails with EINTR. For calls that the kernel may simply be asked again,
/// never for close.
template <class Call>
auto retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace royong::inline v0::os
