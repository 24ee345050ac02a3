// SPDX-License-Identifier: Apache-2.0
#include "channel/queue_ledger.hpp"

#include <algorithm>  // for std::min
#include <cstring>    // for std::memset

#include "channel/queue_ends.hpp"
#include "memory/blocks.hpp"

namespace royong::inline v0::channel {

namespace {

using detail::ObjectRecord;
using memory::Owner;

enum Intent : std::uint32_t { taking = 1, counting = 2 };
constexpr std::uint32_t intent_bits = 2;

struct Hand {
  std::atomic<std::uint64_t> owner;  ///< Owner::bits; changes only while there is nothing in it
  std::atomic<std::uint32_t> count;
};

bool has_ledger(const ObjectRecord& record) noexcept {
  return record.kind.load(std::memory_order_relaxed) == detail::ObjectKind::joinable_queue &&
         record.block.load(std::memory_order_relaxed) != 0;
}

Hand& hand_of(ObjectRecord& record, std::uint32_t slot) noexcept {
  return reinterpret_cast<Hand*>(memory::arena_base() + record.block.load())[slot];
}

void begin(QueueState& state, Intent what, std::uint32_t slot) noexcept {
  // release: who finds the note finds the values.
  state.intent.store(slot << intent_bits | what, std::memory_order_release);
}

/// Every store can be repeated.
void carry_out(ObjectRecord& record) noexcept {
  QueueState& state = state_of(record);
  const auto intent = state.intent.load(std::memory_order_acquire);
  hand_of(record, intent >> intent_bits).count.store(state.intended_hand.load());
  if ((intent & counting) != 0) {
    state.lost.store(state.intended_lost.load());
    state.done.store(state.intended_done.load(), std::memory_order_release);
  }
  state.intent.store(0, std::memory_order_release);
}

/// What is in anybody's hand.
std::uint32_t in_hands(const QueueState& state) noexcept {
  const auto taken =
      static_cast<std::int32_t>(Position::of(state.head.load()).messages - state.done.load());
  return taken > 0 ? static_cast<std::uint32_t>(taken) : 0;
}

/// Whoever had something in this hand is dead. @return how much is lost
std::uint32_t settle(ObjectRecord& record, std::uint32_t slot) noexcept {
  QueueState& state = state_of(record);
  const auto count = hand_of(record, slot).count.load();
  if (count == 0) return 0;
  const auto lost = std::min(count, in_hands(state));
  state.intended_hand.store(0);
  state.intended_done.store(state.done.load() + lost);
  state.intended_lost.store(state.lost.load() + lost);
  begin(state, counting, slot);
  carry_out(record);
  return lost;
}

}  // namespace

void create_ledger(ObjectRecord& record) {
  constexpr std::size_t size = memory::max_processes * sizeof(Hand);
  const auto block = memory::allocate(size);
  std::memset(memory::block(block).data(), 0, size);
  record.block = block;
  memory::set_owner(block, memory::owner_of_object(record));
}

void note_taking(ObjectRecord& record, std::uint32_t count, Position after) noexcept {
  if (!has_ledger(record)) return;
  QueueState& state = state_of(record);
  const Owner me = memory::self();
  Hand& hand = hand_of(record, me.index());
  if (hand.owner.load() != me.bits) {
    settle(record, me.index());  // of the slot's life before
    hand.owner.store(me.bits);
  }
  state.intended_hand.store(hand.count.load() + count);
  state.intended_done.store(after.messages);
  begin(state, taking, me.index());
}

void note_taken(ObjectRecord& record) noexcept {
  if (has_ledger(record)) carry_out(record);
}

void note_done(ObjectRecord& record, std::uint32_t count) noexcept {
  if (!has_ledger(record)) return;
  QueueState& state = state_of(record);
  const Owner me = memory::self();
  const Hand& hand = hand_of(record, me.index());
  const auto own = hand.owner.load() == me.bits ? hand.count.load() : 0;
  if (own == 0 && hand.count.load() != 0) settle(record, me.index());
  state.intended_hand.store(own - std::min(own, count));
  // Not more than were put: who reported messages that nobody had taken yet has done some of these before.
  const auto not_done = Position::of(state.tail.load()).messages - state.done.load();
  state.intended_done.store(state.done.load() + std::min(count, not_done));
  state.intended_lost.store(state.lost.load());
  begin(state, counting, me.index());
  carry_out(record);
}

std::uint32_t settle_the_dead(ObjectRecord& record) noexcept {
  if (!has_ledger(record) || in_hands(state_of(record)) == 0) return 0;
  std::uint32_t lost = 0;
  for (std::uint32_t slot = 0; slot < memory::max_processes; ++slot) {
    const Hand& hand = hand_of(record, slot);
    if (hand.count.load() != 0 && !memory::is_alive({hand.owner.load()})) {
      lost += settle(record, slot);
    }
  }
  return lost;
}

void recover_ledger(ObjectRecord& record) noexcept {
  if (!has_ledger(record)) return;
  QueueState& state = state_of(record);
  const auto intent = state.intent.load(std::memory_order_acquire);
  if (intent == 0) return;
  const bool is_take = (intent & taking) != 0;
  if (is_take && Position::of(state.head.load()).messages != state.intended_done.load()) {
    state.intent.store(0);  // it never came to the commit
  } else {
    carry_out(record);
  }
}

}  // namespace royong::inline v0::channel
