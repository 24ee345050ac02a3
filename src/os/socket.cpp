// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <array>    // for std::array
#include <cstring>  // for std::memcpy
#include <string>   // for std::to_string

#include "os/error.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

struct ControlBuffer {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(max_sent_fds * sizeof(int))> bytes{};
};

void attach(msghdr& message, ControlBuffer& control, std::span<const int> fds) {
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
}

std::vector<Fd> detach(msghdr& message) {
  std::vector<Fd> fds;
  fds.reserve(max_sent_fds);  // so that nothing can throw between two descriptors
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

std::pair<Fd, Fd> socket_pair(int type) {
  std::array<int, 2> fds{};
  if (sys().socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) == -1) {
    throw_errno("cannot create", "a pair of sockets");
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

void send_message(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
  if (fds.size() > max_sent_fds || (bytes.empty() && !fds.empty())) {
    throw_error(EINVAL, "cannot send", std::to_string(fds.size()) + " descriptors");
  }
  do {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ControlBuffer control;
    if (!fds.empty()) attach(message, control, fds);
    const ssize_t sent = retry([&] { return sys().sendmsg(socket, &message, MSG_NOSIGNAL); });
    if (sent == -1) throw_errno("cannot send", "a message");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
    fds = {};  // they went with the first byte
  } while (!bytes.empty());
}

Received receive_message(int socket, std::span<std::byte> buffer) {
  iovec part{buffer.data(), buffer.size()};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t got = retry([&] { return sys().recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (got == -1) throw_errno("cannot receive", "a message");
  Received received{static_cast<std::size_t>(got), detach(message)};
  if (message.msg_flags & MSG_CTRUNC) throw_error(EMSGSIZE, "cannot receive", "all descriptors");
  if (message.msg_flags & MSG_TRUNC) throw_error(EMSGSIZE, "cannot receive", "a whole message");
  return received;
}

}  // namespace royong::inline v0::os
