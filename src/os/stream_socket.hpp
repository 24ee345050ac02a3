// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Stream sockets with addresses: listening, connecting, and transfers that never wait.
 *
 *  Whether a call waits is said call by call (MSG_DONTWAIT), because O_NONBLOCK belongs to the open file, which other processes may share.
 */
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>   // for std::byte, std::size_t
#include <optional>  // for std::optional
#include <span>      // for std::span
#include <string>    // for std::string

#include "os/fd.hpp"
#include "os/futex.hpp"

namespace royong::inline v0::os {

/// Where a socket is.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const noexcept { return storage.ss_family; }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// A listening socket, close-on-exec, whose accepts do not wait. @throws std::system_error "cannot listen at NAME"
Fd listen_at(const SocketAddress& address, int backlog, const std::string& name);

/// Where the socket is bound. @throws std::system_error
SocketAddress local_address(int socket);

/** @brief Takes the next client, if there is one.
 *  @param from  its address
 *  @throws std::system_error; a client that has gone again is none
 */
std::optional<Fd> accept_next(int listener, SocketAddress& from);

/** @brief A connected socket, close-on-exec.
 *  @return nothing when the deadline passed first
 *  @throws std::system_error "cannot connect to NAME"
 */
std::optional<Fd> connect_to(const SocketAddress& address, Deadline deadline,
                             const std::string& name);

/// Whether somebody listens there: a connection is made and dropped.
bool is_listening(const SocketAddress& address) noexcept;

/// The process at the other end of a unix socket, as it was when the connection was made. @throws std::system_error
ucred peer_of(int socket);

/// Small messages leave at once (TCP). Best effort.
void set_no_delay(int socket) noexcept;
/// A peer whose machine has vanished without a word is found out after two minutes of silence (TCP). Best effort.
void set_keep_alive(int socket) noexcept;

/// How far a transfer got that did not wait.
struct Transferred {
  std::size_t bytes = 0;
  bool ended = false;  ///< nobody is at the other end any more
};

/// Sends what the socket takes at once, never raising SIGPIPE; `descriptor`, if any, goes with the first byte. @throws std::system_error
Transferred send_some(int socket, std::span<iovec> parts, int descriptor = -1);

/// Receives what has arrived. @param descriptor  gets one that came along; others are closed. Null: all are. @throws std::system_error
Transferred receive_some(int socket, std::span<std::byte> room, Fd* descriptor = nullptr);

/// No more will be sent: the peer reads what is under way and then sees the end.
void end_sending(int socket) noexcept;

/// Whoever else has the socket open: nobody can connect to it any more, or its peer sees the end behind what is under way.
void hang_up(int socket) noexcept;

}  // namespace royong::inline v0::os
