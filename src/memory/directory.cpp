// SPDX-License-Identifier: Apache-2.0
#include "memory/directory.hpp"

#include <algorithm>  // for std::ranges::any_of
#include <cstring>    // for std::memset
#include <string>     // for std::to_string

#include "memory/blocks.hpp"
#include "memory/sweepers.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::memory {
namespace {

// The owner word of an object's blocks: 32 bits of its serial, 16 of its index, and a tag that no
// process slot has.
constexpr std::uint64_t object_tag = 0xfffe;
static_assert(max_objects <= 1U << 16 && max_processes < object_tag);

constexpr std::uint64_t bit_of(Owner holder) noexcept {
  return std::uint64_t{1} << holder.index() % 64;
}

bool is_held(const ObjectRecord& record) noexcept {
  return std::ranges::any_of(record.holders, [](const auto& word) { return word.load() != 0; });
}

std::string describe(ObjectName name) {
  return "shared object " + std::to_string(name.index) + "/" + std::to_string(name.serial);
}

constexpr std::uint32_t pin_number(std::uint32_t index, std::uint32_t cycle) noexcept {
  return cycle << 16 | index;
}
static_assert(max_pins == 1U << 16);

// Looks for a free entry of a table from the cursor on, around its used part; `high` where there is
// none.
template <class IsFree>
std::uint32_t next_free(std::atomic<std::uint32_t>& cursor, std::uint32_t high, IsFree is_free) {
  const std::uint32_t start = cursor.load() < high ? cursor.load() : 0;
  for (std::uint32_t n = 0; n < high; ++n) {
    const std::uint32_t i = start + n < high ? start + n : start + n - high;
    if (!is_free(i)) continue;
    cursor = i + 1;
    return i;
  }
  return high;
}

}  // namespace

Owner owner_of_object(const ObjectRecord& object) noexcept {
  return {object.serial.load() << 32 | std::uint64_t{object.index} << 16 | object_tag};
}

bool is_gone_object(Owner owner) noexcept {
  if ((owner.bits & 0xffff) != object_tag) return false;
  const ObjectRecord& record = object_table()[owner.bits >> 16 & 0xffff];
  return record.serial.load() == 0 || owner_of_object(record) != owner;
}

Directory::Directory() : guard_(checked_header().objects_lock) {
  if (guard_.owner_died()) recount();
}

void Directory::recount() {
  std::uint32_t live = 0, pins = 0;
  for_each_live([&](ObjectRecord& record) {
    record.pins = 0;
    ++live;
  });
  for_each_pin([&](const Pin& pin) {
    ++object_table()[pin.index.load()].pins;
    ++pins;
  });
  header().objects_live = live;
  header().pins_live = pins;
}

ObjectRecord& Directory::find_free() {
  Header& head = header();
  const std::uint32_t high = head.objects_high.load();
  if (head.objects_live < high) {
    const std::uint32_t i = next_free(head.objects_cursor, high, [](std::uint32_t at) {
      return object_table()[at].serial.load() == 0;
    });
    if (i < high) return object_table()[i];
  }
  if (high == max_objects) {
    throw ArenaFull("no more than " + std::to_string(max_objects) +
                    " shared objects can live at the same time");
  }
  ObjectRecord& fresh = object_table()[high];
  init_robust(fresh.inner);
  fresh.index = high;
  head.objects_high = high + 1;
  return fresh;
}

ObjectRecord& Directory::create(ObjectKind kind, std::uint64_t type_hash, Owner holder) {
  ObjectRecord& record = find_free();
  record.kind = kind;
  record.type_hash = type_hash;
  record.block = 0;
  record.pins = 0;
  for (auto& word : record.holders) word = 0;
  std::memset(record.state, 0, sizeof record.state);
  hold(record, holder);
  record.serial = ++header().last_serial;
  ++header().objects_live;
  return record;
}

ObjectRecord& Directory::find(ObjectName name) {
  if (name.serial == 0 || name.index >= header().objects_high.load() ||
      object_table()[name.index].serial != name.serial) {
    throw TransferError(describe(name) + " is gone: nobody held it any more");
  }
  return object_table()[name.index];
}

ObjectRecord& Directory::find(ObjectName name, ObjectKind kind, std::uint64_t type_hash) {
  ObjectRecord& record = find(name);
  if (record.kind != kind) throw TransferError(describe(name) + " is of another kind");
  if (record.type_hash != type_hash) throw TransferError(describe(name) + " holds another type");
  return record;
}

void Directory::hold(ObjectRecord& record, Owner holder) noexcept {
  record.holders[holder.index() / 64] |= bit_of(holder);
}

void Directory::let_go(ObjectRecord& record, Owner holder) {
  record.holders[holder.index() / 64] &= ~bit_of(holder);
  if (destroy_if_unheld(record)) drop_pins_of_the_gone();
}

bool Directory::destroy_if_unheld(ObjectRecord& record) {
  if (record.serial.load() == 0 || record.pins.load() != 0 || is_held(record)) return false;
  destroy(record);
  return true;
}

void Directory::destroy(ObjectRecord& record) {
  if (const auto hook = hooks_of(record.kind).destroy) hook(record);
  Offset block = record.block.load();
  if (block != 0) {
    try {
      set_owner(block, self());
    } catch (const Error& error) {
      os::report_error(std::string("cannot free the memory of a shared object: ") + error.what());
      block = 0;
    }
  }
  record.serial = 0;
  --header().objects_live;
  if (block != 0) free_block(block);
}

Pin& Directory::find_free_pin() {
  Header& head = header();
  const std::uint32_t high = head.pins_high.load();
  if (head.pins_live < high) {
    const std::uint32_t i = next_free(
        head.pins_cursor, high, [](std::uint32_t at) { return pin_table()[at].owner.load() == 0; });
    if (i < high) return pin_table()[i];
  }
  if (high == max_pins) {
    throw ArenaFull("no more than " + std::to_string(max_pins) +
                    " handles can be on their way at the same time");
  }
  head.pins_high = high + 1;
  return pin_table()[high];
}

std::uint32_t Directory::add_pin(ObjectRecord& record, Owner carrier) {
  Pin& pin = find_free_pin();
  ++record.pins;
  pin.serial = record.serial.load();
  pin.index = record.index;
  const std::uint32_t cycle = ++pin.cycle & 0xffff;
  pin.owner = carrier.bits;
  ++header().pins_live;
  return pin_number(static_cast<std::uint32_t>(&pin - pin_table()), cycle);
}

Pin& Directory::find_pin(std::uint32_t number, ObjectName name) {
  const std::uint32_t index = number & 0xffff;
  Pin& pin = pin_table()[index];
  if (index >= header().pins_high.load() || pin.owner == 0 || pin.serial != name.serial ||
      pin.index != name.index || pin_number(index, pin.cycle & 0xffff) != number) {
    throw TransferError(describe(name) + " came with a reference that is used up or forged");
  }
  return pin;
}

bool Directory::drop_pin(Pin& pin) {
  ObjectRecord& record = object_table()[pin.index.load()];
  pin.owner = 0;
  --header().pins_live;
  --record.pins;
  return destroy_if_unheld(record);
}

// What an object carried ends with it, and may be the last that kept another object.
void Directory::drop_pins_of_the_gone() {
  for (bool again = true; again && header().pins_live.load() != 0;) {
    again = false;
    for_each_pin([&](Pin& pin) {
      if (!is_gone_object({pin.owner.load()})) return;
      again = drop_pin(pin) || again;
    });
  }
}

void Directory::bury(Owner dead, Owner heir) {
  for_each_pin([&](Pin& pin) {
    if (pin.owner == dead.bits) pin.owner = heir.bits;
  });
  recount();
  for_each_live([&](ObjectRecord& record) {
    std::atomic<std::uint64_t>& word = record.holders[dead.index() / 64];
    if (word & bit_of(dead)) {
      if (const auto hook = hooks_of(record.kind).repair) hook(record, dead);
      word &= ~bit_of(dead);
    }
    destroy_if_unheld(record);
  });
  drop_pins_of_the_gone();
}

void sweep_objects(Owner dead) {
  // The parent; where that is gone too the sweeper, which is a living ancestor.
  const Owner parent{slot(dead).parent.load()};
  Directory().bury(dead, is_alive(parent) ? parent : self());
}

}  // namespace royong::inline v0::memory
