// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Local socket pairs that carry bytes and descriptors.
 */
#pragma once

#include <sys/socket.h>

#include <cstddef>  // for std::byte
#include <span>     // for std::span
#include <utility>  // for std::pair
#include <vector>   // for std::vector

#include "os/fd.hpp"

namespace royong::inline v0::os {

/// Two connected local sockets, close-on-exec. @param type SOCK_STREAM or SOCK_SEQPACKET @throws
/// std::system_error
std::pair<Fd, Fd> socket_pair(int type);

/// Descriptors that one message may carry.
inline constexpr std::size_t max_sent_fds = 64;

/** @brief Sends all bytes, and `fds` with the first of them; at least one byte where there are
 * descriptors.
 *  @throws std::system_error EPIPE where nobody reads any more (never SIGPIPE)
 */
void send_message(int socket, std::span<const std::byte> bytes, std::span<const int> fds = {});

struct Received {
  std::size_t bytes = 0;        ///< 0: the other end is closed
  std::vector<Fd> descriptors;  ///< close-on-exec
};

/** @brief Receives one message (seqpacket) or what has arrived (stream).
 *  @throws std::system_error EMSGSIZE: the message or its descriptors were cut off; those that did
 * arrive are closed again
 */
Received receive_message(int socket, std::span<std::byte> buffer);

}  // namespace royong::inline v0::os
