// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The chain of segments that a queue's messages lie in: how they are laid down and found there, where room comes from and where it goes.
 *
 *  What makes them messages of the queue, and who may change what, is in queue_state.hpp and queue_ends.cpp. The steps in brackets are those of its tables.
 */
#pragma once

#include <algorithm>  // for std::min
#include <cstddef>    // for std::byte, std::size_t
#include <cstdint>    // for std::uint32_t
#include <cstring>    // for std::memcpy

#include "channel/queue_state.hpp"
#include "memory/objects.hpp"
#include "sync/state.hpp"

namespace royong::inline v0::channel {

inline QueueState& state_of(detail::ObjectRecord& record) noexcept {
  return sync::state_of<QueueState>(record);
}

/// In `spare`: its consumer has not handed it over yet. Blocks begin at multiples of 64.
inline constexpr memory::Offset unfinished = 1;

// ---- Messages in a segment ----

/// Bytes that a message takes in a segment: its header, itself, and up to the next unit.
inline std::size_t bytes_of(std::size_t size) noexcept {
  return sizeof(MessageHeader) + (size + unit - 1) / unit * unit;
}

inline std::uint32_t units_of(std::size_t size) noexcept {
  return static_cast<std::uint32_t>(bytes_of(size) / unit);
}

inline MessageHeader header_at(const std::byte* place) noexcept {
  MessageHeader header;
  std::memcpy(&header, place, sizeof header);
  return header;
}

/// Of a message of kind 1.
inline LargeMessage large_at(const std::byte* place) noexcept {
  LargeMessage large;
  std::memcpy(&large, place + sizeof(MessageHeader), sizeof large);
  return large;
}

/// Writes one message. @return the position behind it
inline std::uint32_t write_message(Segment& into, std::uint32_t at, std::uint32_t kind,
                                   const void* message, std::size_t size) noexcept {
  const MessageHeader header{static_cast<std::uint32_t>(size), kind};
  std::byte* place = into.at(at);
  std::memcpy(place, &header, sizeof header);
  if (size != 0)
    std::memcpy(place + sizeof header, message, size);  // an empty vector has no address
  return at + units_of(size);
}

/// In units.
inline constexpr std::uint32_t cache_line = 64 / unit;

/** @brief Asks for the lines of the two messages that come after one of this length, to be written to.
 *
 *  The consumers read them last. Without this they would come while the lock is released, which waits for all stores.
 */
inline void prefetch_for_write(Segment& into, std::uint32_t at, std::uint32_t units) noexcept {
  const std::uint32_t end = std::min(at - into.start + 2 * units + cache_line, into.units);
  for (std::uint32_t i = at - into.start + cache_line; i < end; i += cache_line) {
    const std::byte* place = into.at(into.start + i);
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*place));  // the builtin makes a prefetch for reading of it
#else
    __builtin_prefetch(place, 1);
#endif
  }
}

/// Asks for the lines of the next message, if it is as long as the last one: they come while that one is copied and the lock released.
inline void prefetch_for_read(Segment& from, std::uint32_t at, std::uint32_t units) noexcept {
  const std::uint32_t end = std::min(at - from.start + units, from.units);
  for (std::uint32_t i = at - from.start + cache_line; i < end; i += cache_line) {
    __builtin_prefetch(from.at(from.start + i));
  }
}

// ---- Segments ----

inline Segment& segment(memory::Offset offset) { return memory::at<Segment>(offset); }

/** @brief The segment behind `now` if nothing of `now` is left to be read at `head`; else 0.
 *
 *  A segment may have no message at all: its maker was killed before the commit, and the next message did not fit.
 */
inline memory::Offset next_if_drained(const Segment& now, Position head) {
  const memory::Offset next = now.next.load(std::memory_order_acquire);
  return next != 0 && segment(next).start == head.at ? next : 0;
}

/// Gives a fresh record its first segment. @throws ArenaFull
void begin_chain(detail::ObjectRecord& record);

/// A segment behind `last`, the last one, with room for `units`; now the last one. Under the put lock. @throws ArenaFull
Segment& add_segment(detail::ObjectRecord& record, Segment& last, std::uint32_t tail,
                     std::uint32_t units);

/// Takes the first segment, of which nothing is left to be read, out of the chain. Under the get lock.
void drop_segment(detail::ObjectRecord& record, memory::Offset first, memory::Offset next);

/// The last segment, with room for `units` at the tail: a new one behind it where there is none. Under the put lock. @throws ArenaFull
inline Segment& room_for(detail::ObjectRecord& record, std::uint32_t tail, std::uint32_t units) {
  Segment& last = segment(state_of(record).tail_segment.load(std::memory_order_relaxed));
  if (tail - last.start + units <= last.units) return last;
  return add_segment(record, last, tail, units);
}

/// The segment of the message at the head, of which there is one; frees those before, which are drained. Under the get lock.
inline Segment& segment_to_read(detail::ObjectRecord& record, Position head) {
  memory::Offset first = state_of(record).head_segment.load(std::memory_order_relaxed);
  while (const memory::Offset next = next_if_drained(segment(first), head)) {
    drop_segment(record, first, next);
    first = next;
  }
  return segment(first);
}

// ---- Repair: under the lock whose owner died. Every step can be done twice. ----

/// Whether this is a live block, and `owner`'s.
bool belongs_to(memory::Offset block, memory::Owner owner) noexcept;
/// What a producer left of (0) and (1).
void recover_tail_segments(detail::ObjectRecord& record);
/// What a consumer left of (1) to (2a).
void recover_head_segments(detail::ObjectRecord& record);

}  // namespace royong::inline v0::channel
