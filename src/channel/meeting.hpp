// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Meeting: a stream on its way to being a connection. TLS if it is wanted, then the handshake, without ever waiting.
 */
#pragma once

#include <memory>    // for std::unique_ptr
#include <optional>  // for std::optional
#include <string>    // for std::string

#include "channel/handshake.hpp"
#include "channel/stream.hpp"

namespace royong::inline v0::channel {

class Meeting {
 public:
  Meeting(std::unique_ptr<Stream> stream, Side side, std::optional<std::string> key)
      : stream_(std::move(stream)), handshake_(side, std::move(key)) {}

  enum class Outcome { waiting, done, gone };

  /** @brief Goes as far as is possible at once.
   *  @throws AuthenticationError, TransferError as Handshake: the peer has been told
   */
  Outcome advance();

  /// While it is waiting: what for.
  pollfd event() const noexcept { return {stream_->fd(), wants_, 0}; }
  /// When it is done.
  std::unique_ptr<Stream> take_stream() noexcept { return std::move(stream_); }

 private:
  Outcome step();
  bool write_output();

  std::unique_ptr<Stream> stream_;
  Handshake handshake_;
  bool begun_ = false;
  short wants_ = 0;
};

}  // namespace royong::inline v0::channel
