// SPDX-License-Identifier: Apache-2.0
#include "channel/queue_chain.hpp"

#include <algorithm>  // for std::max, std::min

#include "memory/blocks.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::channel {

namespace {

using detail::ObjectRecord;
using memory::Offset;
using memory::Owner;

void begin_segment(Offset offset, std::uint32_t start) {
  const std::size_t usable = memory::block(offset).size() - sizeof(Segment);
  auto& made = segment(offset);
  made.next.store(0, std::memory_order_relaxed);
  made.start = start;
  made.units = static_cast<std::uint32_t>(usable / unit);
}

/// A fresh one of this process's with room for `units`.
Offset new_segment(std::size_t bytes, std::uint32_t start, std::uint32_t units) {
  const Offset offset =
      memory::allocate(std::max(bytes, sizeof(Segment) + std::size_t{units} * unit));
  begin_segment(offset, start);
  return offset;
}

/// The spare, now of this process's, if there is one. Under the put lock.
Offset take_spare(QueueState& state, std::uint32_t start) {
  static_assert(longest_segment >= sizeof(Segment) + 2 * largest_inline, "any message fits");
  // acquire: the consumers are done with it.
  const Offset spare = state.spare.load(std::memory_order_acquire);
  if (spare == 0 || (spare & unfinished) != 0) return 0;
  memory::set_owner(spare, memory::self());  // (0)
  state.spare.store(0, std::memory_order_release);
  begin_segment(spare, start);
  return spare;
}

/// Keeps a drained segment of this process's, or frees it. Under the get lock.
void retire_segment(ObjectRecord& record, Offset drained) {
  QueueState& state = state_of(record);
  // Only producers change the word meanwhile, and only to 0.
  if (memory::block(drained).size() < longest_segment || state.spare.load() != 0) {
    memory::free_block(drained);
    return;
  }
  state.spare.store(drained | unfinished, std::memory_order_relaxed);  // (2a)
  memory::set_owner(drained, memory::owner_of_object(record));
  // release: whoever takes it finds us done with it.
  state.spare.store(drained, std::memory_order_release);
}

}  // namespace

void begin_chain(ObjectRecord& record) {
  QueueState& state = state_of(record);
  const Offset first = new_segment(first_segment, 0, 1);
  state.tail_segment = first;
  state.head_segment = first;
  memory::set_owner(first, memory::owner_of_object(record));
}

Segment& add_segment(ObjectRecord& record, Segment& last, std::uint32_t tail, std::uint32_t units) {
  QueueState& state = state_of(record);
  if (tail - Position::of(state.head.load()).at > most_units) {
    throw ArenaFull("a queue cannot hold more than 16 GiB of small messages");
  }
  Offset added = take_spare(state, tail);
  if (added == 0) {
    const std::size_t twice = 2 * (sizeof(Segment) + std::size_t{last.units} * unit);
    added = new_segment(std::min(twice, longest_segment), tail, units);
  }
  last.next.store(added, std::memory_order_release);  // (1)
  memory::set_owner(added, memory::owner_of_object(record));
  state.tail_segment.store(added, std::memory_order_relaxed);
  return segment(added);
}

void drop_segment(ObjectRecord& record, Offset first, Offset next) {
  memory::set_owner(first, memory::self());   // (1)
  state_of(record).head_segment.store(next);  // (2)
  retire_segment(record, first);
}

// ---- Repair ----

bool belongs_to(Offset block, Owner owner) noexcept {
  try {
    return memory::owner_of(block) == owner;
  } catch (const TransferError&) {  // no live block any more
    return false;
  }
}

void recover_tail_segments(ObjectRecord& record) {
  QueueState& state = state_of(record);
  const Owner queue = memory::owner_of_object(record);
  Offset last = state.tail_segment.load();
  while (const Offset next = segment(last).next.load()) {
    memory::set_owner(next, queue);
    state.tail_segment.store(next);
    last = next;
  }
  if (const Offset spare = state.spare.load(); spare != 0 && (spare & unfinished) == 0) {
    memory::set_owner(spare, queue);  // consumers leave it alone
  }
}

void recover_head_segments(ObjectRecord& record) {
  QueueState& state = state_of(record);
  const Owner queue = memory::owner_of_object(record);
  const Offset first = state.head_segment.load();
  if (!belongs_to(first, queue)) state.head_segment.store(segment(first).next.load());
  if (const Offset spare = state.spare.load(); (spare & unfinished) != 0) {
    memory::set_owner(spare & ~unfinished, queue);
    state.spare.store(spare & ~unfinished);
  }
}

}  // namespace royong::inline v0::channel
