// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The forkserver: this program started afresh, single-threaded, that clones itself on request.
 *
 *  Protocol, over a socket that keeps message boundaries: one `Request`, one `Reply`. One request at a time.
 *  The workers are siblings of the server: direct children of the process that asked, so pidfd, exit code and wait work as for
 *  any child. CLONE_PARENT reaches one level up only, so each process that wants workers has a server of its own.
 */
#pragma once

#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t
#include <vector>   // for std::vector

#include "process/startup.hpp"

namespace royong::inline v0::detail {

struct ForkserverRequest {
  std::uint64_t slot;  ///< bits of the slot to become
  std::uint64_t
      is_probe;  ///< 1: it looks at itself, tells by its exit code, and does not claim the slot
};

struct ForkserverReply {
  std::int32_t error;  ///< errno; 0 when there is a new process
  std::int32_t pid;    ///< of the new process; 0 in the greeting
};

/// The server's life. First sends a greeting: error EBUSY when it is not single-threaded and must not be used.
[[noreturn]] void run_forkserver(const Marker& marker);

/// Ends the server of this process and reaps it.
void stop_forkserver() noexcept;

/// In a fork: the server belongs to the parent.
void forget_forkserver() noexcept;

}  // namespace royong::inline v0::detail
