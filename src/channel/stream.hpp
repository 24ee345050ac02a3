// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Stream: the bytes of a socket, as they are or through TLS. Nothing here waits.
 */
#pragma once

#include <poll.h>
#include <sys/uio.h>

#include <cstddef>  // for std::byte, std::size_t
#include <memory>   // for std::unique_ptr
#include <span>     // for std::span

#include "os/fd.hpp"

namespace royong::inline v0::channel {

/// How far a transfer got.
struct Progress {
  std::size_t bytes = 0;
  bool ended = false;  ///< nobody is at the other end any more
  short wants = 0;     ///< when it got nowhere: what to poll for before it is tried again
};

class Stream {
 public:
  explicit Stream(os::Fd socket) noexcept : socket_(std::move(socket)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  int fd() const noexcept { return socket_.get(); }
  os::Fd take_socket() noexcept { return std::move(socket_); }

  /// What comes before the first byte. @return nothing wanted: it is done
  virtual Progress begin() = 0;
  virtual Progress read_some(std::span<std::byte> room, os::Fd* descriptor) = 0;
  virtual Progress write_some(std::span<iovec> parts, int descriptor) = 0;
  /// Bytes can be read that the descriptor does not tell of.
  virtual bool has_buffered() noexcept = 0;
  /// Whether it could go on in another process.
  virtual bool can_travel() const noexcept = 0;
  /// Tells the peer that no more comes. Best effort.
  virtual void end() noexcept = 0;

 private:
  os::Fd socket_;
};

/// The socket's bytes as they are.
std::unique_ptr<Stream> plain_stream(os::Fd socket);

}  // namespace royong::inline v0::channel
