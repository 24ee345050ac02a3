// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The two kinds of ends, and how handles are made of them.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <memory>   // for std::shared_ptr

#include "channel/stream.hpp"
#include "royong/connection.hpp"
#include "royong/detail/connection_end.hpp"

namespace royong::inline v0 {

/// How this floor makes handles.
struct ConnectionAccess {
  static Connection make(std::shared_ptr<detail::ConnectionEnd> end) {
    return Connection(std::move(end));
  }
  /// As Listener::accept, for who reads and writes the stream himself.
  static std::unique_ptr<channel::Stream> accept(Listener& listener, Timeout timeout);
  /// As Client.
  static std::unique_ptr<channel::Stream> connect(const std::string& address,
                                                  const std::optional<std::string>& authkey,
                                                  const Tls& tls, Timeout timeout);
};

namespace channel {

/// An end of this process, known by the serial of its object from now on.
std::shared_ptr<detail::ConnectionEnd> enter(std::shared_ptr<detail::ConnectionEnd> end,
                                             std::uint64_t serial);

/// The end of a pipe with this object, whose queues become this process's too. @throws TransferError
std::shared_ptr<detail::ConnectionEnd> open_pipe_end(detail::ObjectRef object);

/// The end of a socket with this object, of whose descriptor a copy is fetched. @throws TransferError
std::shared_ptr<detail::ConnectionEnd> open_socket_end(detail::ObjectRef object);

/// A new end of a socket whose handshake is over.
Connection make_socket_connection(std::unique_ptr<Stream> stream);

}  // namespace channel

}  // namespace royong::inline v0
