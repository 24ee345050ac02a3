// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a queue is in shared memory.
 *
 *  A chain of segments, each filled from its beginning to its end and then followed by the next; a drained segment is freed. Producers
 *  work at the tail under one robust lock, consumers at the head under another one.
 *
 *  **The truth** is two words, each moved by one 64-bit store: `tail`, how many messages and units of 8 bytes were ever put, and `head`, how many were ever taken. Both
 *  run around at 2^32. What lies between is the queue; whatever else a dead process was writing does not count.
 *
 *  A message of up to `largest_inline` bytes lies in the segment itself; of a larger one only the offset of a block does. Blocks and segments belong
 *  to a process while it makes or takes them, and to the queue in between. That handover is what needs repair; whoever gets a lock whose owner died repairs it before anything else. The
 *  sweep of a dead process does so too, and only then frees what the dead process owned.
 *
 *  | a producer dies after it ...           | what is there                            | repair (`recover_put`) |
 *  |----------------------------------------|------------------------------------------|------------------------|
 *  | filled a block or a segment            | owned by the dead process                | none: swept |
 *  | (0) took the spare segment             | the spare still, owned by the dead process | it becomes the queue's again |
 *  | (1) linked the segment (`next`)        | in the chain, owned by the dead process  | it becomes the queue's, `tail_segment` moves on |
 *  | (2) noted the block (`pending`)        | owned by the dead process                | forget the note; swept |
 *  | (3) made the block the queue's         | the queue's, but in no message           | free it: `tail` did not move since (2) |
 *  | (4) moved `tail`: **the commit**       | the message is in the queue              | forget the note |
 *
 *  | a consumer dies after it ...           | what is there                            | repair (`recover_get`) |
 *  |----------------------------------------|------------------------------------------|------------------------|
 *  | (1) made the drained segment its own   | still at the head, nothing unread in it  | `head_segment` moves on; the segment is swept |
 *  | (2) moved `head_segment`               | owned by the dead process                | none: swept |
 *  | (2a) laid it down as `spare`           | the spare, owned by the dead process     | it becomes the queue's again |
 *  | (3) made the first message's block its own | still in the queue                   | it becomes the queue's again |
 *  | (4) moved `head`: **the commit**       | in the dead consumer's hand: lost with it | none: its block is swept |
 *
 *  **The spare.** A drained segment of full length is kept for the producers, one at the most: in a steady flow two or three segments go round and no memory is asked
 *  for. Consumers lay it down where there is none, producers take it where there is one, each by one store; its owner is the queue, or who is handling it.
 *
 *  **A window.** A direction of a pipe is bounded in bytes, so that a slow reader holds up its writer and does not fill the arena. What lies in segments is the
 *  difference of the positions; what lies in blocks is counted by two running sums, of bytes ever put and ever taken. Each sum has two places, and the one that
 *  counts is named by the lowest bit of the number of messages in `tail` or `head`: whoever is about to move that word first writes the other place. So
 *  the store that commits the message commits its sum, and a death before it leaves the sum as it was.
 *
 *  So a put that was killed may have put its message, and a get that was killed takes at most what it was taking. An owner
 *  is changed under the lock only, and before the commit: afterwards the other side may free the block at any instant.
 */
#pragma once

#include <pthread.h>

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t

#include "memory/arena.hpp"
#include "sync/eventcount.hpp"
#include "sync/watch.hpp"

namespace royong::inline v0::channel {

/// Messages begin at multiples of this.
inline constexpr std::size_t unit = 8;
/// Bytes; beyond, a message has a block of its own.
inline constexpr std::size_t largest_inline = 16384;
/// Bytes of segments: each is twice as long as the one before, from the first to the longest.
inline constexpr std::size_t first_segment = 4096;
inline constexpr std::size_t longest_segment = 65536;
/// Between head and tail: half of what a position can tell apart.
inline constexpr std::uint32_t most_units = 1U << 31;

/// `tail` or `head`: both numbers in the one word that is stored.
struct Position {
  std::uint32_t messages = 0;
  std::uint32_t at = 0;

  static constexpr Position of(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  constexpr std::uint64_t word() const noexcept { return std::uint64_t{messages} << 32 | at; }
};

/// In front of every message.
struct MessageHeader {
  std::uint32_t size;  ///< bytes that follow
  std::uint32_t kind;  ///< 0: the message; 1: a LargeMessage
};
static_assert(sizeof(MessageHeader) == unit);

struct LargeMessage {
  memory::Offset block;
  std::uint64_t size;
};

/// A segment's beginning; the messages follow.
struct alignas(64) Segment {
  std::atomic<memory::Offset> next;  ///< 0: this is the last one
  std::uint32_t start;               ///< position of its first unit
  std::uint32_t units;               ///< how many it has room for

  std::byte* at(std::uint32_t position) noexcept {
    return reinterpret_cast<std::byte*>(this + 1) + std::size_t{position - start} * unit;
  }
};

enum Shut : std::uint32_t { open = 0, draining = 1, discarding = 3 };

/// Four cache lines: what producers write, what both read, and the same of consumers.
struct QueueState {
  alignas(64) pthread_mutex_t put_lock;
  std::atomic<memory::Offset> tail_segment;
  std::atomic<memory::Offset> pending;  ///< a block on its way from a producer to the queue
  sync::EventCount not_empty;           ///< consumers wait here; producers read it at every put
  sync::Bell filled;                    ///< likewise, for descriptors

  alignas(64) std::atomic<std::uint64_t> tail;
  std::atomic<std::uint32_t> pending_at;  ///< where `tail` was when `pending` was noted
  std::atomic<std::uint32_t> maxsize;     ///< 0: bounded by the quota alone
  std::atomic<std::uint32_t> shut;
  std::atomic<std::uint32_t> window;         ///< bytes between head and tail; 0: no limit
  std::atomic<std::uint64_t> blocks_put[2];  ///< see "A window"
  /// `head.messages` as a producer last saw it: while that leaves room, the consumers' line is left alone.
  std::atomic<std::uint32_t> seen_head;
  std::atomic<std::uint32_t> seen_head_at;  ///< likewise `head.at`, for the window
  std::atomic<std::uint64_t> seen_taken;    ///< and the sum of `blocks_taken`

  alignas(64) pthread_mutex_t get_lock;
  std::atomic<memory::Offset> head_segment;
  sync::EventCount not_full;
  sync::Bell drained;
  std::atomic<memory::Offset> spare;  ///< 0: none

  alignas(64) std::atomic<std::uint64_t> head;
  /// `tail.at` as a consumer last saw it: while there is something before it, the producers' lines are left alone.
  std::atomic<std::uint32_t> seen_tail;
  std::atomic<std::uint32_t>
      dropping;  ///< 1: what is there is not to be taken; changed under the get lock
  std::atomic<std::uint64_t> blocks_taken[2];

  // Of a JoinableQueue: see queue_ledger.hpp. Changed under the get lock.
  std::atomic<std::uint32_t> done;  ///< messages that were done or lost, ever: the truth of `join`
  std::atomic<std::uint32_t> lost;  ///< in the hands of consumers that died
  sync::EventCount all_done;
  std::atomic<std::uint32_t> intent;  ///< which entries are being written; 0: none
  std::atomic<std::uint32_t> intended_hand;
  std::atomic<std::uint32_t> intended_done;
  std::atomic<std::uint32_t> intended_lost;
};
static_assert(sizeof(QueueState) == 256);

}  // namespace royong::inline v0::channel
