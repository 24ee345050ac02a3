// SPDX-License-Identifier: Apache-2.0
#include "peers/zygote.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>         // for std::array
#include <cerrno>        // for errno
#include <cstring>       // for std::memcpy
#include <system_error>  // for std::system_error

namespace royong_bench {
namespace {

constexpr char kEmpty = 'e', kSpare = 's';

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// One answer: the pid, with the pidfd and, for a spare, its socket as rights.
struct Message {
  explicit Message(pid_t* pid) : data{pid, sizeof(*pid)} {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  iovec data;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  msghdr header{};
};

void send_child(int socket, const ZygoteChild& child) {
  pid_t pid = child.pid;
  Message message(&pid);
  const std::array<int, 2> rights{child.pidfd, child.wake};
  const std::size_t size = child.wake < 0 ? sizeof(int) : sizeof(rights);
  message.header.msg_controllen = CMSG_SPACE(size);
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(control), rights.data(), size);
  if (::sendmsg(socket, &message.header, MSG_NOSIGNAL) < 0) ::_exit(1);
}

ZygoteChild receive_child(int socket) {
  ZygoteChild child;
  Message message(&child.pid);
  if (::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) <= 0) fail("cannot hear the zygote");
  const cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  if (control == nullptr) fail("cannot get a descriptor from the zygote");
  std::memcpy(&child.pidfd, CMSG_DATA(control), sizeof(int));
  if (control->cmsg_len == CMSG_LEN(2 * sizeof(int)))
    std::memcpy(&child.wake, CMSG_DATA(control) + sizeof(int), sizeof(int));
  return child;
}

struct ThreadState {
  int* tid = nullptr;
  robust_list_head* robust = nullptr;
  std::size_t robust_size = 0;
};

ThreadState thread_state() {
  ThreadState state;
  ::prctl(PR_GET_TID_ADDRESS, &state.tid);
  ::syscall(SYS_get_robust_list, 0, &state.robust, &state.robust_size);
  return state;
}

// @return the pid; 0 in the child, which is a whole glibc process again
pid_t clone_sibling(const ThreadState& state, int* pidfd) {
  constexpr unsigned long flags =
      CLONE_PARENT | CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
  const long pid = ::syscall(SYS_clone, flags, nullptr, pidfd, state.tid, nullptr);
#else
  const long pid = ::syscall(SYS_clone, flags, nullptr, pidfd, nullptr, state.tid);
#endif
  if (pid == 0) {
    state.robust->list.next = &state.robust->list;
    ::syscall(SYS_set_robust_list, state.robust, state.robust_size);
  }
  return static_cast<pid_t>(pid);
}

[[noreturn]] void run_child(int socket, int spare_end) {
  ::close(socket);
  char byte = 0;
  if (spare_end < 0) ::_exit(0);
  const bool ran = ::read(spare_end, &byte, 1) == 1 && ::write(spare_end, &byte, 1) == 1;
  ::_exit(ran ? 0 : 1);
}

[[noreturn]] void serve(int socket) {
  const ThreadState state = thread_state();
  for (char kind; ::read(socket, &kind, 1) == 1;) {
    ZygoteChild child;
    std::array<int, 2> ends{-1, -1};
    if (kind == kSpare && ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      ::_exit(1);
    child.pid = clone_sibling(state, &child.pidfd);
    if (child.pid < 0) ::_exit(1);
    if (child.pid == 0) {
      if (ends[1] >= 0) ::close(ends[1]);
      run_child(socket, ends[0]);
    }
    child.wake = ends[1];
    send_child(socket, child);
    for (const int fd : {child.pidfd, ends[0], ends[1]})
      if (fd >= 0) ::close(fd);
  }
  ::_exit(0);
}

}  // namespace

Zygote::Zygote() {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail("cannot create a socket pair");
  pid_ = ::fork();
  if (pid_ < 0) fail("cannot fork");
  if (pid_ == 0) {
    ::close(ends[0]);
    serve(ends[1]);
  }
  ::close(ends[1]);
  socket_ = ends[0];
}

Zygote::~Zygote() {
  ::close(socket_);
  ::waitpid(pid_, nullptr, 0);
}

ZygoteChild Zygote::start() { return request(kEmpty); }
ZygoteChild Zygote::start_spare() { return request(kSpare); }

ZygoteChild Zygote::request(char kind) {
  if (::send(socket_, &kind, 1, MSG_NOSIGNAL) != 1) fail("cannot ask the zygote");
  return receive_child(socket_);
}

void wake(const ZygoteChild& child) {
  if (::write(child.wake, "", 1) != 1) fail("cannot wake the spare process");
}

void wait_for_answer(const ZygoteChild& child) {
  char byte = 0;
  if (::read(child.wake, &byte, 1) != 1) fail("cannot hear the spare process");
}

bool join(const ZygoteChild& child) {
  siginfo_t end{};
  // The exit signal of a clone with CLONE_PARENT is that of the zygote itself, or none: __WALL takes both.
  const int result = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd), &end, WEXITED | __WALL);
  ::close(child.pidfd);
  if (child.wake >= 0) ::close(child.wake);
  return result == 0 && end.si_code == CLD_EXITED && end.si_status == 0;
}

}  // namespace royong_bench
