// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Roll: who takes part in an object; a table in shared memory that grows and whose entries never move.
 *
 *  The first entries lie in the object's state, the rest in blocks of the object, each twice as large as the one before, chained from `record.block`. Zero-filled is
 *  a free entry. What an entry says, and under which lock, is its user's affair.
 *
 *  Growing is one compare-and-swap of the link to the new block:
 *
 *  | the process that grows dies  | what is there                         | who repairs |
 *  |------------------------------|---------------------------------------|-------------|
 *  | before the swap              | a block of the dead                   | the sweep of its blocks |
 *  | after it, before `set_owner` | entries in use in a block of the dead | `adopt`, which the object's repair hook calls; hooks run before the sweep of blocks |
 *  | after `set_owner`            | a block of the object                 | nothing to do |
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint64_t
#include <cstring>  // for std::memset

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"

namespace royong::inline v0::sync {

template <class Entry, std::size_t First>
class Roll {
 public:
  using Record = detail::ObjectRecord;

  /// The entry of this index; null: the roll must grow first.
  Entry* at(Record& record, std::size_t index) noexcept {
    if (index < First) return &first_[index];
    index -= First;
    for (Segment* segment = follow(record.block); segment != nullptr;
         segment = follow(segment->next)) {
      if (index < segment->count) return &segment->entries()[index];
      index -= segment->count;
    }
    return nullptr;
  }

  /// Calls `visit(index, entry)` for all entries in order, until it returns true. @return that entry, or null
  template <class Visit>
  Entry* find(Record& record, Visit visit) {
    std::size_t index = 0;
    for (Entry& entry : first_) {
      if (visit(index++, entry)) return &entry;
    }
    for (Segment* segment = follow(record.block); segment != nullptr;
         segment = follow(segment->next)) {
      for (std::size_t i = 0; i < segment->count; ++i) {
        if (visit(index++, segment->entries()[i])) return &segment->entries()[i];
      }
    }
    return nullptr;
  }
  template <class Visit>
  void for_each(Record& record, Visit visit) {
    find(record, [&](std::size_t index, Entry& entry) {
      visit(index, entry);
      return false;
    });
  }

  /// Adds entries. Not to be called with `inner` held: it may have to wait for memory. @throws ArenaFull
  void grow(Record& record) {
    std::atomic<std::uint64_t>* link = &record.block;
    std::size_t bytes = smallest;
    while (Segment* segment = follow(*link)) {
      link = &segment->next;
      bytes *= 2;
    }
    const memory::Offset block = memory::allocate(bytes);
    const auto memory = memory::block(block);
    std::memset(memory.data(), 0, memory.size());
    reinterpret_cast<Segment*>(memory.data())->count =
        (memory.size() - sizeof(Segment)) / sizeof(Entry);
    std::uint64_t none = 0;
    // release: who follows the link sees zeros. It commits, see the table.
    if (link->compare_exchange_strong(none, block, std::memory_order_release)) {
      memory::set_owner(block, memory::owner_of_object(record));
    } else {
      memory::free_block(block);  // another one grew it meanwhile
    }
  }

  /// Takes over a block that `dead` linked and did not live to hand over.
  void adopt(Record& record, memory::Owner dead) {
    for (std::uint64_t block = record.block.load(); block != 0;
         block = memory::at<Segment>(block).next.load()) {
      if (memory::owner_of(block) == dead) {
        memory::set_owner(block, memory::owner_of_object(record));
      }
    }
  }

  /// For the destroy hook. The first block ends with the object. Each of the others is unlinked, which commits, then freed; in between it belongs to
  /// an object that is gone soon, and the next sweep frees it.
  void destroy(Record& record) {
    Segment* first = follow(record.block);
    if (first == nullptr) return;
    while (const std::uint64_t second = first->next.load()) {
      first->next.store(memory::at<Segment>(second).next.load());
      memory::free_block(second);
    }
  }

 private:
  struct alignas(64) Segment {
    std::atomic<std::uint64_t> next;
    std::uint64_t count;
    Entry* entries() noexcept { return reinterpret_cast<Entry*>(this + 1); }
  };
  static constexpr std::size_t smallest = 1024;

  static Segment* follow(const std::atomic<std::uint64_t>& link) {
    const std::uint64_t block = link.load(std::memory_order_acquire);
    return block != 0 ? &memory::at<Segment>(block) : nullptr;
  }

  Entry first_[First];
};

}  // namespace royong::inline v0::sync
