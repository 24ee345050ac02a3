// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a new process is told: the start-up message, and the marker in its command line.
 */
#pragma once

#include <cstddef>      // for std::byte
#include <cstdint>      // for std::uint32_t
#include <optional>     // for std::optional
#include <span>         // for std::span
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "memory/slots.hpp"
#include "royong/process.hpp"

namespace royong::inline v0::detail {

/// Who the new process is, what it may use, and what it runs. Lies in an arena block owned by its slot.
struct StartupMessage {
  std::string name;
  bool daemon = false;
  std::int32_t parent_pid = 0;
  std::string parent_name;
  std::int32_t log_level = 0;
  StartMethod start_method = StartMethod::forkserver;  ///< the family's default
  std::string directory;                               ///< to work in; empty: where it is
  ResourceLimits limits;
  std::vector<std::byte> call;  ///< what write_call wrote
  std::string authkey;
};

std::vector<std::byte> encode_startup(const StartupMessage& message);

/// Reads a message; `bytes` may be longer than it, as blocks are.
/// @throws TransferError the bytes are not a start-up message of this version, or a value is out of range
StartupMessage decode_startup(std::span<const std::byte> bytes);

/// What the command line of a new process says, because it is needed before the arena is mapped.
struct Marker {
  enum class Role { worker, forkserver, keeper };
  Role role = Role::worker;
  int arena = -1;        ///< descriptor of the arena
  int death_pipe = -1;   ///< descriptor of the parent's read end
  int socket = -1;       ///< forkserver: where requests come from. Worker: its lifeline, if any
  memory::Owner slot{};  ///< worker: its slot. Others: nobody
  std::uint64_t preload = 0;  ///< forkserver: block with the call to run first, 0 for none
};

std::string encode_marker(const Marker& marker);

/// Whether `argument` begins like a marker: then it must be one.
bool is_marker(std::string_view argument) noexcept;

/// The marker in `argument`; nothing when it is an ordinary argument. @throws TransferError it begins like a marker and is none
std::optional<Marker> decode_marker(std::string_view argument);

/// Whether the command line of this process carries a marker. Works before main. False where /proc is missing.
bool has_marker() noexcept;

}  // namespace royong::inline v0::detail
