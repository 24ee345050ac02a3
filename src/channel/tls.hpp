// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief TLS 1.3 over a socket, by OpenSSL.
 */
#pragma once

#include <memory>    // for std::shared_ptr
#include <optional>  // for std::optional
#include <string>    // for std::string

#include "channel/handshake.hpp"
#include "channel/stream.hpp"
#include "royong/connection.hpp"

namespace royong::inline v0::channel {

/// Whether anything is set: TLS is wanted.
bool is_wanted(const Tls& tls) noexcept;

/// What all TLS connections of a listener, or the one of a client, have in common.
class TlsContext {
 public:
  /** @brief Reads the files.
   *  @throws UsageError the options make no sense together
   *  @throws std::system_error, ProcessError a file cannot be read, or holds no key
   */
  TlsContext(Side side, const Tls& tls, const std::optional<std::string>& authkey);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  /// @param host  client: whose certificate it must be
  std::unique_ptr<Stream> stream(os::Fd socket, const std::string& host) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace royong::inline v0::channel
