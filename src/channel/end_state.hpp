// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What one end of a connection is in shared memory: an object of the kind `connection`, held by the processes that have the end open.
 *
 *  **An end of a pipe** names two queues of the kind `pipe`, one for each direction (a one-way pipe has one). The object of the end carries a transit pin on each of
 *  them, so they live as long as either end, and each process that has the end open holds them as well. Who sees to what, when an end has lost its last holder: the
 *  hook `destroy` hangs up both queues (the peer may drain the one, and can put no more into the other), then the directory drops the pins that the
 *  object carried. Each step can be done twice, so a sweeper that dies in the middle has only delayed it.
 *
 *  **An end of a socket** says in which processes its descriptor can be had (descriptor_exchange.hpp), and keeps apart those who use it: one process at a time sends,
 *  and one receives. A stream has no commits: a process that dies in the middle of a frame has torn it. `outflow` and `in_the_middle`
 *  are written before the first byte goes, or comes, and cleared after the last; who finds them set gives that direction up, and shows the peer the end of the stream in the
 *  middle of the frame.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t, std::uint64_t

#include "channel/descriptor_exchange.hpp"
#include "memory/objects.hpp"
#include "royong/detail/lock_word.hpp"
#include "sync/state.hpp"

namespace royong::inline v0::channel {

enum class Transport : std::uint32_t { none = 0, pipe, socket };

/// Whether frames leave whole. Whoever has the turn to send and finds `begun` knows that the one before died.
enum class Outflow : std::uint32_t { whole = 0, begun, torn };

struct EndState {
  Transport transport;
  std::uint32_t readable;
  std::uint32_t writable;

  // A pipe's queues, none where the direction does not exist. Written before the end is shown to anybody.
  detail::ObjectName in;
  detail::ObjectName out;
  memory::Offset in_record;
  memory::Offset out_record;

  // A socket's.
  Offer offer;
  detail::LockWord sending;
  detail::LockWord receiving;
  /// Owner::bits of the process that has received a part of a message and will receive the rest.
  std::atomic<std::uint64_t> in_the_middle;
  std::atomic<Outflow> outflow;
};

inline EndState& end_state(detail::ObjectRecord& record) noexcept {
  return sync::state_of<EndState>(record);
}

}  // namespace royong::inline v0::channel
