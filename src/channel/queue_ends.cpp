// SPDX-License-Identifier: Apache-2.0
#include "channel/queue_ends.hpp"

#include <algorithm>  // for std::clamp, std::max, std::min
#include <cstring>    // for std::memcpy
#include <mutex>      // for std::try_to_lock

#include "memory/blocks.hpp"
#include "memory/robust_mutex.hpp"
#include "royong/error.hpp"
#include "sync/spin.hpp"
#include "sync/state.hpp"

namespace royong::inline v0::channel {

namespace {

using memory::Offset;
using memory::Owner;

constexpr int lock_spins = 32;

Segment& segment(Offset offset) { return memory::at<Segment>(offset); }

bool belongs_to(Offset block, Owner owner) noexcept {
  try {
    return memory::owner_of(block) == owner;
  } catch (const TransferError&) {  // no live block any more
    return false;
  }
}

MessageHeader header_at(const std::byte* place) noexcept {
  MessageHeader header;
  std::memcpy(&header, place, sizeof header);
  return header;
}

std::uint32_t units_of(const MessageHeader& header) noexcept {
  return static_cast<std::uint32_t>(bytes_of(header.size) / unit);
}

LargeMessage large_at(const std::byte* place) noexcept {
  LargeMessage large;
  std::memcpy(&large, place + sizeof(MessageHeader), sizeof large);
  return large;
}

/// Writes one message. @return the position behind it
std::uint32_t write(Segment& into, std::uint32_t at, std::uint32_t kind, const void* message,
                    std::size_t size) noexcept {
  const MessageHeader header{static_cast<std::uint32_t>(size), kind};
  std::byte* place = into.at(at);
  std::memcpy(place, &header, sizeof header);
  std::memcpy(place + sizeof header, message, size);
  return at + units_of(header);
}

/** @brief The segment behind `now` if nothing of `now` is left to be read at `head`; else 0.
 *
 *  A segment may have no message at all: its maker was killed before the commit, and the next message did not fit.
 */
Offset next_if_drained(const Segment& now, Position head) {
  const Offset next = now.next.load(std::memory_order_acquire);
  return next != 0 && segment(next).start == head.at ? next : 0;
}

// ---- Repair: under the lock whose owner died. Every step can be done twice. ----

void recover_put(ObjectRecord& record) {
  QueueState& state = state_of(record);
  const Owner queue = memory::owner_of_object(record);
  Offset last = state.tail_segment.load();
  while (const Offset next = segment(last).next.load()) {
    memory::set_owner(next, queue);
    state.tail_segment.store(next);
    last = next;
  }
  const Offset pending = state.pending.load();
  if (pending != 0 && state.pending_at.load() == Position::of(state.tail.load()).at &&
      belongs_to(pending, queue)) {
    memory::free_block(pending);
  }
  state.pending.store(0);
}

void recover_get(ObjectRecord& record) {
  QueueState& state = state_of(record);
  const Owner queue = memory::owner_of_object(record);
  const Offset first = state.head_segment.load();
  if (!belongs_to(first, queue)) state.head_segment.store(segment(first).next.load());

  const auto head = Position::of(state.head.load());
  if (head.at == Position::of(state.tail.load()).at) return;
  Offset reading = state.head_segment.load();
  while (const Offset next = next_if_drained(segment(reading), head)) reading = next;
  const std::byte* place = segment(reading).at(head.at);
  if (header_at(place).kind != 0) memory::set_owner(large_at(place).block, queue);
}

/// Runs `section` under the lock, after the repair that the last owner's death calls for.
template <class Section>
auto locked(ObjectRecord& record, pthread_mutex_t& mutex, void (*recover)(ObjectRecord&),
            Section section) {
  sync::Spinner spinner(lock_spins);
  do {
    const memory::RobustGuard guard(mutex, std::try_to_lock);
    if (!guard.owns()) continue;
    if (guard.owner_died()) recover(record);
    return section();
  } while (spinner.once());
  const memory::RobustGuard guard(mutex);
  if (guard.owner_died()) recover(record);
  return section();
}

template <class Section>
auto with_put_lock(ObjectRecord& record, Section section) {
  return locked(record, state_of(record).put_lock, &recover_put, section);
}

template <class Section>
auto with_get_lock(ObjectRecord& record, Section section) {
  return locked(record, state_of(record).get_lock, &recover_get, section);
}

// ---- Segments ----

/// A fresh one of this process's with room for `units`.
Offset new_segment(std::size_t bytes, std::uint32_t start, std::uint32_t units) {
  const Offset offset =
      memory::allocate(std::max(bytes, sizeof(Segment) + std::size_t{units} * unit));
  const std::size_t usable = memory::block(offset).size() - sizeof(Segment);
  auto& made = segment(offset);
  made.next.store(0, std::memory_order_relaxed);
  made.start = start;
  made.units = static_cast<std::uint32_t>(usable / unit);
  return offset;
}

/// The last segment, with room for `units` at the tail: a new one behind it where there is none. Under the put lock.
Segment& room_for(ObjectRecord& record, std::uint32_t tail, std::uint32_t units) {
  QueueState& state = state_of(record);
  Segment& last = segment(state.tail_segment.load(std::memory_order_relaxed));
  if (tail - last.start + units <= last.units) return last;

  if (tail - Position::of(state.head.load()).at > most_units) {
    throw ArenaFull("a queue cannot hold more than 16 GiB of small messages");
  }
  const std::size_t twice = 2 * (sizeof(Segment) + std::size_t{last.units} * unit);
  const Offset added = new_segment(std::min(twice, longest_segment), tail, units);
  last.next.store(added, std::memory_order_release);  // (1)
  memory::set_owner(added, memory::owner_of_object(record));
  state.tail_segment.store(added, std::memory_order_relaxed);
  return segment(added);
}

/// The segment of the message at the head, of which there is one; frees those before, which are drained. Under the get lock.
Segment& segment_to_read(QueueState& state, Position head) {
  Offset first = state.head_segment.load(std::memory_order_relaxed);
  while (const Offset next = next_if_drained(segment(first), head)) {
    memory::set_owner(first, memory::self());  // (1)
    state.head_segment.store(next);            // (2)
    memory::free_block(first);
    first = next;
  }
  return segment(first);
}

// ---- Taking, under the get lock ----

void take_large(ObjectRecord& record, const std::byte* place, Position head, MessageBatch& out) {
  QueueState& state = state_of(record);
  const auto header = header_at(place);
  const auto large = large_at(place);
  out.reserve_block();
  out.append({place, bytes_of(header.size)}, 1);
  memory::set_owner(large.block, memory::self());  // (3)
  out.adopt(large.block);
  // release: a producer that sees the new head sees that we are done with the segment.
  state.head.store(Position{head.messages + 1, head.at + units_of(header)}.word(),
                   std::memory_order_release);  // (4)
}

std::size_t take_locked(ObjectRecord& record, std::size_t max, MessageBatch& out) {
  QueueState& state = state_of(record);
  const auto head = Position::of(state.head.load(std::memory_order_relaxed));
  auto end = state.seen_tail.load(std::memory_order_relaxed);
  if (head.at == end) {
    // acquire: the messages before the tail, and the links to their segments, are complete.
    end = Position::of(state.tail.load(std::memory_order_acquire)).at;
    state.seen_tail.store(end, std::memory_order_relaxed);
    if (head.at == end) return 0;
  }
  Segment& from = segment_to_read(state, head);
  const Offset next = from.next.load(std::memory_order_acquire);
  if (next != 0) {
    // Not beyond this segment. Unsigned differences: positions run around.
    const auto border = segment(next).start;
    if (border - head.at < end - head.at) end = border;
  }
  std::uint32_t at = head.at;
  std::uint32_t count = 0;
  while (count < max && at != end) {
    const auto header = header_at(from.at(at));
    if (header.kind != 0) break;
    at += units_of(header);
    ++count;
  }
  if (count == 0) {
    take_large(record, from.at(at), head, out);
    return 1;
  }
  out.append({from.at(head.at), std::size_t{at - head.at} * unit}, count);
  state.head.store(Position{head.messages + count, at}.word(), std::memory_order_release);  // (4)
  return count;
}

void discard_locked(ObjectRecord& record) {
  MessageBatch dropped;
  while (take_locked(record, 1024, dropped) != 0) dropped.clear();
}

[[noreturn]] void throw_shut() { throw ShutDown("the queue is shut down"); }

// ---- What the memory floor calls ----

void repair(ObjectRecord& record, Owner) noexcept {
  // Waits for a live owner of a lock, too: it may be in the middle of the repair, and after our return the dead
  // process's blocks are freed.
  with_put_lock(record, [] {});
  with_get_lock(record, [] {});
}

void wake(ObjectRecord& record) noexcept {
  state_of(record).not_empty.notify_all();
  state_of(record).not_full.notify_all();
  sync::ring_all(record);
}

void destroy(ObjectRecord& record) noexcept {
  QueueState& state = state_of(record);
  Offset first = state.head_segment.load();
  if (first == 0) return;  // its creation failed
  try {
    discard_locked(record);
    for (first = state.head_segment.load(); first != 0;) {
      const Offset next = segment(first).next.load();
      memory::free_block(first);
      first = next;
    }
  } catch (...) {
    return;  // what is left belongs to an object that is gone: the next sweep frees it
  }
}

[[maybe_unused]] const bool hooked = [] {
  using detail::ObjectKind;
  for (const auto kind :
       {ObjectKind::queue, ObjectKind::joinable_queue, ObjectKind::simple_queue}) {
    memory::set_kind_hooks(kind, {.repair = &repair, .wake = &wake, .destroy = &destroy});
  }
  return true;
}();

}  // namespace

QueueState& state_of(ObjectRecord& record) noexcept { return sync::state_of<QueueState>(record); }

void create_queue(ObjectRecord& record, std::uint32_t maxsize) {
  QueueState& state = state_of(record);
  memory::init_robust(state.put_lock);
  memory::init_robust(state.get_lock);
  state.maxsize = maxsize;
  const Offset first = new_segment(first_segment, 0, 1);
  state.tail_segment = first;
  state.head_segment = first;
  memory::set_owner(first, memory::owner_of_object(record));
}

NewBlock::NewBlock(std::span<const std::byte> message)
    : message_{memory::allocate(message.size()), message.size()} {
  std::memcpy(memory::block(message_.block).data(), message.data(), message.size());
}

NewBlock::~NewBlock() {
  if (message_.block != 0) memory::free_block(message_.block);
}

std::size_t put_some(ObjectRecord& record, std::span<const std::byte> bytes,
                     std::span<const std::size_t> sizes, std::optional<NewBlock>& block) {
  QueueState& state = state_of(record);
  return with_put_lock(record, [&]() -> std::size_t {
    if (state.shut.load(std::memory_order_relaxed) != open) throw_shut();
    const auto tail = Position::of(state.tail.load(std::memory_order_relaxed));
    std::size_t room = sizes.size();
    if (const auto maxsize = state.maxsize.load(std::memory_order_relaxed); maxsize != 0) {
      const auto head = Position::of(state.head.load(std::memory_order_acquire));
      room = std::min<std::size_t>(room, maxsize - (tail.messages - head.messages));
      if (room == 0) return 0;
    }
    if (block) {
      const auto large = block->message();
      const MessageHeader header{sizeof large, 1};
      Segment& into = room_for(record, tail.at, units_of(header));
      const auto end = write(into, tail.at, header.kind, &large, sizeof large);
      state.pending_at.store(tail.at, std::memory_order_relaxed);
      state.pending.store(large.block, std::memory_order_release);                           // (2)
      memory::set_owner(large.block, memory::owner_of_object(record));                       // (3)
      state.tail.store(Position{tail.messages + 1, end}.word(), std::memory_order_release);  // (4)
      state.pending.store(0, std::memory_order_release);
      block->release();
      return 1;
    }
    const auto units = [](std::size_t size) {
      return static_cast<std::uint32_t>(bytes_of(size) / unit);
    };
    Segment& into = room_for(record, tail.at, units(sizes[0]));
    std::uint32_t at = tail.at;
    std::uint32_t count = 0;
    for (const std::byte* message = bytes.data(); count < room; ++count) {
      const std::size_t size = sizes[count];
      if (size > largest_inline || at - into.start + units(size) > into.units) break;
      at = write(into, at, 0, message, size);
      message += size;
    }
    // release: whoever sees this tail sees the messages and the segment.
    state.tail.store(Position{tail.messages + count, at}.word(), std::memory_order_release);  // (4)
    return count;
  });
}

std::size_t take_some(ObjectRecord& record, std::size_t max, MessageBatch& out) {
  QueueState& state = state_of(record);
  // Read before the ends: a queue that was shut before it was seen empty stays empty.
  const auto shut = state.shut.load(std::memory_order_acquire);
  if (state.head.load(std::memory_order_relaxed) == state.tail.load(std::memory_order_acquire)) {
    if (shut != open) throw_shut();
    return 0;
  }
  return with_get_lock(record, [&]() -> std::size_t {
    if (shut == discarding) {
      discard_locked(record);
      throw_shut();
    }
    return take_locked(record, max, out);
  });
}

void shut(ObjectRecord& record, bool immediate) {
  QueueState& state = state_of(record);
  with_put_lock(record, [&] {
    // Under the lock: a put that found the queue open has committed by now, and none can after.
    const auto more = state.shut.load() | (immediate ? discarding : draining);
    state.shut.store(more, std::memory_order_release);
  });
  if (immediate) with_get_lock(record, [&] { discard_locked(record); });
  state.not_empty.notify_all();
  state.not_full.notify_all();
  state.filled.ring(record);  // for good
}

}  // namespace royong::inline v0::channel
