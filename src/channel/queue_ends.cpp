// SPDX-License-Identifier: Apache-2.0
#include "channel/queue_ends.hpp"

#include <algorithm>  // for std::clamp, std::max, std::min
#include <cstring>    // for std::memcpy
#include <mutex>      // for std::try_to_lock

#include "channel/queue_ledger.hpp"
#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "memory/robust_mutex.hpp"
#include "royong/error.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::channel {

namespace {

using memory::Offset;
using memory::Owner;

constexpr int lock_spins = 32;

// ---- Repair: under the lock whose owner died. Every step can be done twice. ----

void recover_put(ObjectRecord& record) {
  QueueState& state = state_of(record);
  recover_tail_segments(record);
  const Offset pending = state.pending.load();
  if (pending != 0 && state.pending_at.load() == Position::of(state.tail.load()).at &&
      belongs_to(pending, memory::owner_of_object(record))) {
    memory::free_block(pending);
  }
  state.pending.store(0);
}

void recover_get(ObjectRecord& record) {
  QueueState& state = state_of(record);
  recover_ledger(record);
  recover_head_segments(record);
  const auto head = Position::of(state.head.load());
  if (head.at == Position::of(state.tail.load()).at) return;
  Offset reading = state.head_segment.load();
  while (const Offset next = next_if_drained(segment(reading), head)) reading = next;
  const std::byte* place = segment(reading).at(head.at);
  if (header_at(place).kind != 0) {
    memory::set_owner(large_at(place).block, memory::owner_of_object(record));
  }
}

/** @brief Runs `section` under the lock, after the repair that the last owner's death calls for.
 *  @return its result; nothing (0) where the lock was not to be had until the deadline
 *
 *  While the lock looks taken it is only read: an attempt would take its line away from the owner.
 */
template <class Section>
auto locked(ObjectRecord& record, pthread_mutex_t& mutex, void (*recover)(ObjectRecord&),
            Deadline until, Section section) {
  sync::Spinner spinner(lock_spins);
  do {
    if (memory::looks_locked(mutex)) continue;
    const memory::RobustGuard guard(mutex, std::try_to_lock);
    if (!guard.owns()) continue;
    if (guard.owner_died()) recover(record);
    return section();
  } while (spinner.once());
  const memory::RobustGuard guard(mutex, until);
  if (!guard.owns()) return decltype(section())();
  if (guard.owner_died()) recover(record);
  return section();
}

template <class Section>
auto with_get_lock(ObjectRecord& record, Section section, Deadline until = Deadline::max()) {
  return locked(record, state_of(record).get_lock, &recover_get, until, section);
}

template <class Section>
auto with_put_lock(ObjectRecord& record, Section section, Deadline until = Deadline::max()) {
  return locked(record, state_of(record).put_lock, &recover_put, until, section);
}

// ---- Taking, under the get lock ----

/// Before a word of positions moves on by so many messages: its sum goes where the new word will look for it.
void carry_sum(std::atomic<std::uint64_t> (&sums)[2], std::uint32_t messages, std::uint32_t more,
               std::uint64_t bytes) noexcept {
  const auto sum = sums[messages & 1].load(std::memory_order_relaxed);
  sums[(messages + more) & 1].store(sum + bytes, std::memory_order_relaxed);
}

void take_large(ObjectRecord& record, const std::byte* place, Position head, MessageBatch& out) {
  QueueState& state = state_of(record);
  const auto header = header_at(place);
  const auto large = large_at(place);
  out.reserve_block();
  out.append({place, bytes_of(header.size)}, 1);
  memory::set_owner(large.block, memory::self());  // (3)
  out.adopt(large.block);
  carry_sum(state.blocks_taken, head.messages, 1, large.size);
  const Position after{head.messages + 1, head.at + units_of(header.size)};
  note_taking(record, 1, after);
  // release: a producer that sees the new head sees that we are done with the segment.
  state.head.store(after.word(), std::memory_order_release);  // (4)
  note_taken(record);
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
  Segment& from = segment_to_read(record, head);
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
    at += units_of(header.size);
    ++count;
  }
  if (count == 0) {
    take_large(record, from.at(at), head, out);
    return 1;
  }
  if (count == 1 && at != end) prefetch_for_read(from, at, at - head.at);
  out.append({from.at(head.at), std::size_t{at - head.at} * unit}, count);
  carry_sum(state.blocks_taken, head.messages, count, 0);
  const Position after{head.messages + count, at};
  note_taking(record, count, after);
  state.head.store(after.word(), std::memory_order_release);  // (4)
  note_taken(record);
  return count;
}

void discard_locked(ObjectRecord& record) {
  MessageBatch dropped;
  while (const auto taken = take_locked(record, 1024, dropped)) {
    dropped.clear();
    note_done(record, static_cast<std::uint32_t>(taken));
  }
}

// ---- The window ----

/** @brief The bytes in blocks that were ever taken, as of `head`.
 *
 *  A head that moves meanwhile may leave it too high, by one message: then the window is too wide by that one until the next look. It is no hard limit.
 */
std::uint64_t taken_in_blocks(const QueueState& state, Position head) noexcept {
  return state.blocks_taken[head.messages & 1].load(std::memory_order_relaxed);
}

bool fills_window(const QueueState& state, Position tail, std::uint32_t head_at,
                  std::uint64_t taken) noexcept {
  const auto window = state.window.load(std::memory_order_relaxed);
  const auto put = state.blocks_put[tail.messages & 1].load(std::memory_order_relaxed);
  const std::uint64_t in_segments = std::uint64_t{tail.at - head_at} * unit;
  const std::uint64_t in_blocks = put >= taken ? put - taken : 0;
  return window != 0 && in_segments + in_blocks >= window;
}

/** @brief Whether the window leaves no room, under the put lock: the consumers' line is read only when what was last seen of it says so.
 *
 *  What was seen is behind the truth, each word for itself: a death between the two stores leaves at worst a window that seems fuller than it is,
 *  and so the next look.
 */
bool is_window_full_locked(QueueState& state, Position tail) noexcept {
  if (!fills_window(state, tail, state.seen_head_at.load(std::memory_order_relaxed),
                    state.seen_taken.load(std::memory_order_relaxed))) {
    return false;
  }
  const auto head = Position::of(state.head.load(std::memory_order_acquire));
  const auto taken = taken_in_blocks(state, head);
  state.seen_head_at.store(head.at, std::memory_order_relaxed);
  state.seen_taken.store(taken, std::memory_order_relaxed);
  return fills_window(state, tail, head.at, taken);
}

[[noreturn]] void throw_shut() { throw ShutDown("the queue is shut down"); }

// ---- What the memory floor calls ----

void count_the_lost(ObjectRecord& record) noexcept {
  const auto lost = with_get_lock(record, [&] { return settle_the_dead(record); });
  if (lost == 0) return;
  detail::warn("{} messages of a JoinableQueue died in the hands of a consumer: they are lost",
               lost);
}

void repair(ObjectRecord& record, Owner) noexcept {
  // Waits for a live owner of a lock, too: it may be in the middle of the repair, and after our return the dead
  // process's blocks are freed.
  with_put_lock(record, [] {});
  count_the_lost(record);
}

void wake(ObjectRecord& record) noexcept {
  if (state_of(record).head_segment.load() == 0)
    return;  // it is being made, or its creation failed
  if (record.kind == detail::ObjectKind::joinable_queue) count_the_lost(record);
  state_of(record).not_empty.wake_after_a_death();
  state_of(record).not_full.wake_after_a_death();
  state_of(record).all_done.wake_after_a_death();
  sync::ring_all(record);
}

void destroy(ObjectRecord& record) noexcept {
  QueueState& state = state_of(record);
  Offset first = state.head_segment.load();
  if (first == 0) return;  // its creation failed
  try {
    discard_locked(record);
    if (const Offset spare = state.spare.exchange(0) & ~unfinished) memory::free_block(spare);
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
  for (const auto kind : {ObjectKind::queue, ObjectKind::joinable_queue, ObjectKind::simple_queue,
                          ObjectKind::pipe}) {
    memory::set_kind_hooks(kind, {.repair = &repair, .wake = &wake, .destroy = &destroy});
  }
  return true;
}();

}  // namespace

bool is_window_full(const QueueState& state) noexcept {
  const auto tail = Position::of(state.tail.load(std::memory_order_acquire));
  const auto head = Position::of(state.head.load(std::memory_order_acquire));
  return fills_window(state, tail, head.at, taken_in_blocks(state, head));
}

void create_queue(ObjectRecord& record, std::uint32_t maxsize, std::uint32_t window) {
  QueueState& state = state_of(record);
  memory::init_robust(state.put_lock);
  memory::init_robust(state.get_lock);
  state.maxsize = maxsize;
  state.window = window;
  begin_chain(record);
  if (record.kind == detail::ObjectKind::joinable_queue) create_ledger(record);
}

NewBlock::NewBlock(std::span<const std::byte> message, std::span<const std::byte> more)
    : message_{memory::allocate(message.size() + more.size()), message.size() + more.size()} {
  std::byte* to = memory::block(message_.block).data();
  if (!message.empty()) std::memcpy(to, message.data(), message.size());
  if (!more.empty()) std::memcpy(to + message.size(), more.data(), more.size());
}

NewBlock::~NewBlock() {
  if (message_.block != 0) memory::free_block(message_.block);
}

std::size_t put_some(ObjectRecord& record, std::span<const std::byte> bytes,
                     std::span<const std::size_t> sizes, std::optional<NewBlock>& block,
                     Deadline lock_until) {
  QueueState& state = state_of(record);
  const auto section = [&]() -> std::size_t {
    if (state.shut.load(std::memory_order_relaxed) != open) throw_shut();
    const auto tail = Position::of(state.tail.load(std::memory_order_relaxed));
    std::size_t room = sizes.size();
    if (const auto maxsize = state.maxsize.load(std::memory_order_relaxed); maxsize != 0) {
      // What was seen is never ahead of the truth: at worst there is more room.
      auto seen = state.seen_head.load(std::memory_order_relaxed);
      if (maxsize - (tail.messages - seen) < room) {
        seen = Position::of(state.head.load(std::memory_order_acquire)).messages;
        state.seen_head.store(seen, std::memory_order_relaxed);
      }
      room = std::min<std::size_t>(room, maxsize - (tail.messages - seen));
      if (room == 0) return 0;
    }
    if (is_window_full_locked(state, tail)) return 0;
    if (block) {
      const auto large = block->message();
      const MessageHeader header{sizeof large, 1};
      Segment& into = room_for(record, tail.at, units_of(header.size));
      const auto end = write_message(into, tail.at, header.kind, &large, sizeof large);
      state.pending_at.store(tail.at, std::memory_order_relaxed);
      state.pending.store(large.block, std::memory_order_release);      // (2)
      memory::set_owner(large.block, memory::owner_of_object(record));  // (3)
      carry_sum(state.blocks_put, tail.messages, 1, large.size);
      state.tail.store(Position{tail.messages + 1, end}.word(), std::memory_order_release);  // (4)
      state.pending.store(0, std::memory_order_release);
      block->release();
      return 1;
    }
    Segment& into = room_for(record, tail.at, units_of(sizes[0]));
    std::uint32_t at = tail.at;
    std::uint32_t count = 0;
    for (const std::byte* message = bytes.data(); count < room; ++count) {
      const std::size_t size = sizes[count];
      if (size > largest_inline || at - into.start + units_of(size) > into.units) break;
      at = write_message(into, at, 0, message, size);
      message += size;
    }
    if (count == 1) prefetch_for_write(into, at, units_of(sizes[0]));
    carry_sum(state.blocks_put, tail.messages, count, 0);
    // release: whoever sees this tail sees the messages and the segment.
    state.tail.store(Position{tail.messages + count, at}.word(), std::memory_order_release);  // (4)
    return count;
  };
  return with_put_lock(record, section, lock_until);
}

std::size_t take_some(ObjectRecord& record, std::size_t max, MessageBatch& out,
                      Deadline lock_until) {
  QueueState& state = state_of(record);
  bool drop = false;
  const auto at = Position::of(state.head.load(std::memory_order_relaxed)).at;
  if (at == state.seen_tail.load(std::memory_order_relaxed)) {
    // Read before the ends: a queue that was shut before it was seen empty stays empty.
    const auto shut = state.shut.load(std::memory_order_acquire);
    if (state.head.load(std::memory_order_relaxed) == state.tail.load(std::memory_order_acquire)) {
      if (shut != open) throw_shut();
      return 0;
    }
    drop = shut == discarding;
  }
  const auto section = [&]() -> std::size_t {
    if (drop || state.dropping.load(std::memory_order_relaxed) != 0) {
      discard_locked(record);
      throw_shut();
    }
    return take_locked(record, max, out);
  };
  return with_get_lock(record, section, lock_until);
}

bool finish_one(ObjectRecord& record) {
  QueueState& state = state_of(record);
  return with_get_lock(record, [&] {
    const auto put = Position::of(state.tail.load(std::memory_order_acquire)).messages;
    if (state.done.load(std::memory_order_relaxed) == put) {
      throw UsageError("task_done was called too many times: more often than messages were put");
    }
    note_done(record, 1);
    return state.done.load(std::memory_order_relaxed) == put;
  });
}

namespace {

/// The consumers' half of an immediate shutdown.
void discard(ObjectRecord& record) {
  with_get_lock(record, [&] {
    state_of(record).dropping.store(1, std::memory_order_relaxed);
    discard_locked(record);
  });
}

}  // namespace

void shut(ObjectRecord& record, bool immediate) {
  QueueState& state = state_of(record);
  with_put_lock(record, [&] {
    // Under the lock: a put that found the queue open has committed by now, and none can after.
    const auto more = state.shut.load() | (immediate ? discarding : draining);
    state.shut.store(more, std::memory_order_release);
  });
  if (immediate) discard(record);
  state.not_empty.notify_all();
  state.not_full.notify_all();
  state.all_done.notify_all();
  state.filled.ring(record);  // for good
}

void hang_up(ObjectRecord& record, bool immediate) noexcept {
  QueueState& state = state_of(record);
  if (state.tail_segment.load() == 0) return;  // its creation failed
  try {
    with_put_lock(record, [&] {
      const auto more = state.shut.load() | (immediate ? discarding : draining);
      state.shut.store(more, std::memory_order_release);
    });
    if (immediate) discard(record);
  } catch (...) {
    // Out of memory for the list of what was dropped: a get drops the rest, or the end of the queue does.
  }
  wake(record);
}

}  // namespace royong::inline v0::channel
