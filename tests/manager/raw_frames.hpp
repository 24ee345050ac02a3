// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a manager's client that speaks the protocol by itself, well or badly, sends.
 */
#pragma once

#include <sys/socket.h>

#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint64_t
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "channel/frame.hpp"
#include "manager/protocol.hpp"
#include "royong/connection.hpp"

namespace royong_test {

inline constexpr royong::manager::RequestHead hello_head{
    .call = 1, .verb = static_cast<std::uint32_t>(royong::manager::Verb::hello)};

inline void write_raw(const royong::Connection& connection, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(connection.fileno(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // refused already
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

inline std::vector<std::byte> frame(std::span<const std::byte> body,
                                    std::uint64_t type = royong::manager::frame_type) {
  const auto header = royong::channel::encode_frame_header({.length = body.size(), .type = type});
  std::vector<std::byte> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
  const auto padding = royong::channel::padding_behind(body.size());
  bytes.insert(bytes.end(), padding.begin(), padding.end());
  return bytes;
}

/// The bytes of all of them, one behind the other.
template <class... T>
std::vector<std::byte> together(const T&... parts) {
  std::vector<std::byte> bytes;
  const auto add = [&](const auto& part) {
    const auto view = std::as_bytes(std::span(&part, 1));
    bytes.insert(bytes.end(), view.begin(), view.end());
  };
  (add(parts), ...);
  return bytes;
}

/// The first frame of a client that is let in.
inline std::vector<std::byte> hello_frame() {
  return frame(together(hello_head, royong::manager::Hello{}));
}

/// Whether the manager has said anything. Waits until it has, or has hung up.
inline bool is_answered(const royong::Connection& connection) {
  char byte = 0;
  return ::recv(connection.fileno(), &byte, 1, 0) == 1;
}

/// Waits until the manager has hung up.
inline void expect_hang_up(const royong::Connection& connection) {
  while (is_answered(connection)) {
  }
}

}  // namespace royong_test
