// SPDX-License-Identifier: Apache-2.0
#include "os/stream_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>  // for std::max
#include <array>      // for std::array
#include <chrono>     // for std::chrono::microseconds
#include <cstring>    // for std::memcpy

#include "os/error.hpp"
#include "os/poll.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

using Clock = std::chrono::steady_clock;

Fd open_socket(int family, int flags, const char* verb, const std::string& name) {
  Fd socket(sys().socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!socket) throw_errno(verb, name);
  return socket;
}

int pending_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (sys().getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == -1) return errno;
  return error;
}

// A unix connect waits for room in the backlog, and there is no event for that room: so the call itself waits.
bool connect_unix(int socket, const SocketAddress& address, Deadline deadline) {
  for (;;) {
    if (deadline != Deadline::max()) {
      const auto now = deadline == Deadline::min() ? deadline : Clock::now();
      const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - now);
      if (left.count() <= 0 && deadline != Deadline::min()) return errno = EAGAIN, false;
      const auto time = std::max<std::int64_t>(left.count(), 1);  // 0 would be: no limit
      const timeval limit{time / 1'000'000, time % 1'000'000};
      sys().setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    if (sys().connect(socket, address.get(), address.size) == 0) {
      const timeval none{};
      sys().setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
      return true;
    }
    if (errno != EINTR) return false;
  }
}

// Interrupted or not, the connection goes on being made: the event tells.
bool connect_inet(int socket, const SocketAddress& address, Deadline deadline) {
  if (sys().connect(socket, address.get(), address.size) == 0) return true;
  if (errno != EINPROGRESS && errno != EINTR) return false;
  pollfd event{socket, POLLOUT, 0};
  if (poll({&event, 1}, deadline) == 0) return errno = EAGAIN, false;
  errno = pending_error(socket);
  return errno == 0;
}

bool is_end(int error) noexcept {
  // The last three: it did not answer any more.
  return error == EPIPE || error == ECONNRESET || error == ECONNABORTED || error == ENOTCONN ||
         error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

bool is_later(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

void keep_descriptors(msghdr& message, Fd* wanted) noexcept {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      Fd came(fd);
      if (wanted != nullptr && !*wanted) *wanted = std::move(came);
    }
  }
}

}  // namespace

Fd listen_at(const SocketAddress& address, int backlog, const std::string& name) {
  Fd socket = open_socket(address.family(), SOCK_NONBLOCK, "cannot listen at", name);
  if (address.family() != AF_UNIX) {
    const int on = 1;
    sys().setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (sys().bind(socket.get(), address.get(), address.size) == -1 ||
      sys().listen(socket.get(), backlog) == -1) {
    throw_errno("cannot listen at", name);
  }
  return socket;
}

SocketAddress local_address(int socket) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (sys().getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.size) ==
      -1) {
    throw_errno("cannot read", "the address of a socket");
  }
  return address;
}

std::optional<Fd> accept_next(int listener, SocketAddress& from) {
  for (;;) {
    from.size = sizeof from.storage;
    Fd client(sys().accept4(listener, reinterpret_cast<sockaddr*>(&from.storage), &from.size,
                            SOCK_CLOEXEC));
    if (client) return client;
    if (is_later(errno)) return std::nullopt;
    // What befell the client, not the listener: accept(2) asks to treat these as "try again".
    const bool gone = errno == EINTR || errno == ECONNABORTED || errno == EPROTO ||
                      errno == ENETDOWN || errno == ENOPROTOOPT || errno == EHOSTDOWN ||
                      errno == ENONET || errno == EHOSTUNREACH || errno == EOPNOTSUPP ||
                      errno == ENETUNREACH;
    if (!gone) throw_errno("cannot accept", "a client");
  }
}

std::optional<Fd> connect_to(const SocketAddress& address, Deadline deadline,
                             const std::string& name) {
  const bool local = address.family() == AF_UNIX;
  Fd socket = open_socket(address.family(), local ? 0 : SOCK_NONBLOCK, "cannot connect to", name);
  const bool done = local ? connect_unix(socket.get(), address, deadline)
                          : connect_inet(socket.get(), address, deadline);
  if (done) return socket;
  if (is_later(errno) || errno == EINPROGRESS) return std::nullopt;
  throw_errno("cannot connect to", name);
}

bool is_listening(const SocketAddress& address) noexcept {
  const Fd socket(sys().socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return true;  // not known: then nothing may be taken away
  if (sys().connect(socket.get(), address.get(), address.size) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;  // EAGAIN: its backlog is full
}

ucred peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (sys().getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1) {
    throw_errno("cannot learn", "who is at the other end of a socket");
  }
  return peer;
}

void set_no_delay(int socket) noexcept {
  const int on = 1;
  sys().setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_keep_alive(int socket) noexcept {
  const auto set = [socket](int level, int name, int value) {
    sys().setsockopt(socket, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

Transferred send_some(int socket, std::span<iovec> parts, int descriptor) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  const ssize_t sent =
      retry([&] { return sys().sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent >= 0) return {static_cast<std::size_t>(sent), false};
  if (is_later(errno)) return {};
  if (is_end(errno)) return {0, true};
  throw_errno("cannot send", "a message");
}

Transferred receive_some(int socket, std::span<std::byte> room, Fd* descriptor) {
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // Without room for them the kernel closes descriptors that nobody asked for.
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(4 * sizeof(int))> control{};
  if (descriptor != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  const ssize_t got =
      retry([&] { return sys().recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (got > 0) {
    if (descriptor != nullptr) keep_descriptors(message, descriptor);
    return {static_cast<std::size_t>(got), false};
  }
  if (got == 0) return {0, true};
  if (is_later(errno)) return {};
  if (is_end(errno)) return {0, true};
  throw_errno("cannot receive", "a message");
}

void end_sending(int socket) noexcept { sys().shutdown(socket, SHUT_WR); }

void hang_up(int socket) noexcept { sys().shutdown(socket, SHUT_RDWR); }

}  // namespace royong::inline v0::os
