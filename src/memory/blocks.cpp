// SPDX-License-Identifier: Apache-2.0
#include "memory/blocks.hpp"

#include <algorithm>  // for std::ranges::sort
#include <string>     // for std::to_string
#include <vector>     // for std::vector

#include "memory/objects.hpp"
#include "memory/pages.hpp"
#include "memory/slabs.hpp"
#include "memory/sweepers.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::memory {
namespace {

// A live block, found from its offset.
struct Place {
  std::uint64_t page;
  PageHead head;
  OwnerWord* owner;
  std::uint64_t size;
};

[[noreturn]] void throw_no_block(Offset offset) {
  throw TransferError("offset " + std::to_string(offset) +
                      " is not the beginning of a live block of the arena");
}

Place place_of(Offset offset) {
  const Header& head = checked_header();
  if (offset < mapping.pages) throw_no_block(offset);
  const std::uint64_t page = (offset - mapping.pages) / page_size;
  if (page >= head.pages_high.load(std::memory_order_acquire)) throw_no_block(offset);
  Place place{page, head_of(page), nullptr, 0};
  const auto in_page = static_cast<std::uint32_t>(offset % page_size);
  if (place.head.kind == PageKind::large) {
    if (in_page != 0) throw_no_block(offset);
    place.owner = &page_table()[page].owner;
    place.size = place.head.length * page_size;
    return place;
  }
  if (place.head.kind != PageKind::slab || place.head.size_class >= small_classes) {
    throw_no_block(offset);
  }
  const SlabShape& shape = slab_shapes[place.head.size_class];
  if (in_page < shape.data) throw_no_block(offset);
  const std::uint32_t in_data = in_page - shape.data;
  // Exact for every offset in a page, and without a division.
  const auto index = static_cast<std::uint32_t>(in_data * shape.reciprocal >> 32);
  if (index >= shape.count || index * shape.size != in_data) throw_no_block(offset);
  place.owner = &slab_words(page)[index];
  place.size = shape.size;
  return place;
}

// Moves the owner word to `to`; false where the block is not live. Who wins the swap has freed or
// handed it over, and nobody else.
bool move_owner(OwnerWord& word, std::uint64_t to) noexcept {
  std::uint64_t owner = word.load(std::memory_order_acquire);
  while (owner != 0) {
    if (word.compare_exchange_weak(owner, to, std::memory_order_acq_rel)) return true;
  }
  return false;
}

Offset take_large(std::uint64_t pages) {
  Runs runs;
  const auto first = runs.find(pages);
  if (!first) return 0;
  runs.commit(*first, {PageKind::large, 0, static_cast<std::uint32_t>(pages)}, self().bits);
  return mapping.pages + *first * page_size;
}

void free_large(Offset block, std::uint64_t page) {
  {
    Runs runs;  // then look again: another may have freed it meanwhile
    if (head_of(page).kind != PageKind::large || !move_owner(page_table()[page].owner, 0)) {
      throw_no_block(block);
    }
    runs.free(page);
  }
  cool_down();
}

Offset try_allocate(std::size_t bytes, bool everything) {
  if (bytes <= largest_small) return take_small(class_for(bytes), everything);
  if (bytes > mapping.size) return 0;
  return take_large(round_up(bytes, page_size) / page_size);
}

struct OwnedSlab {
  std::uint64_t owner;
  std::uint64_t page;
};

std::vector<OwnedSlab> slabs_by_owner() {
  std::vector<OwnedSlab> slabs;
  Runs().for_each([&](std::uint64_t page, PageHead head) {
    if (head.kind == PageKind::slab) slabs.push_back({page_table()[page].owner.load(), page});
  });
  std::ranges::sort(slabs, {}, &OwnedSlab::owner);
  return slabs;
}

void end_empty_slabs_of(std::span<const OwnedSlab> slabs) {
  Runs runs;
  for (const auto& [owner, page] : slabs) {
    const PageHead head = head_of(page);
    if (head.kind != PageKind::slab || page_table()[page].owner.load() != owner) continue;
    end_if_empty(runs, page, head);
  }
}

void sweep_slab(Runs& runs, Owner dead, std::uint64_t page, PageHead head) {
  PageEntry& entry = page_table()[page];
  OwnerWord* words = slab_words(page);
  for (std::uint32_t i = 0; i < slab_shapes[head.size_class].count; ++i) {
    std::uint64_t owner = words[i].load(std::memory_order_acquire);
    if (owner != dead.bits && !is_gone_object({owner})) continue;
    if (words[i].compare_exchange_strong(owner, 0)) entry.freed.store(1);
  }
  const std::uint64_t owner = entry.owner.load();
  if (owner == dead.bits || owner == 0) {
    entry.owner.store(0);
    end_if_empty(runs, page, head);
  }
}

}  // namespace

Offset allocate(std::size_t bytes) {
  checked_header();
  if (!self()) throw UsageError("this process is no member of the family: it cannot allocate");
  if (const Offset block = try_allocate(bytes, false)) return block;
  release_empty_slabs();
  if (const Offset block = try_allocate(bytes, true)) return block;
  const ArenaUsage usage = arena_usage();
  throw ArenaFull("no room for " + std::to_string(bytes) + " bytes in the arena: " +
                  std::to_string(usage.used) + " of " + std::to_string(usage.quota) +
                  " bytes are used; the environment variable ROYONG_ARENA_QUOTA sets the quota");
}

void free_block(Offset block) {
  const Place place = place_of(block);
  if (place.head.kind == PageKind::large) {
    free_large(block, place.page);
    return;
  }
  if (!move_owner(*place.owner, 0)) throw_no_block(block);
  note_freed(place.page, place.head.size_class, block);
}

std::span<std::byte> block(Offset block) {
  const Place place = place_of(block);
  if (place.owner->load(std::memory_order_acquire) == 0) throw_no_block(block);
  return {mapping.base.load(std::memory_order_relaxed) + block, place.size};
}

void set_owner(Offset block, Owner owner) {
  if (!owner) throw UsageError("a block needs an owner: free_block ends it");
  if (!move_owner(*place_of(block).owner, owner.bits)) throw_no_block(block);
}

Owner owner_of(Offset block) {
  const Owner owner{place_of(block).owner->load(std::memory_order_acquire)};
  if (!owner) throw_no_block(block);
  return owner;
}

void release_empty_slabs() {
  checked_header();
  const std::vector<OwnedSlab> slabs = slabs_by_owner();
  for (std::size_t begin = 0; begin < slabs.size();) {
    std::size_t end = begin;
    while (end < slabs.size() && slabs[end].owner == slabs[begin].owner) ++end;
    const std::span group(slabs.data() + begin, end - begin);
    if (const Owner owner{slabs[begin].owner}) {
      // Not waited for: it may belong to a process that is stopped.
      const RobustGuard guard(slot(owner).slabs_lock, std::try_to_lock);
      if (guard.owns()) end_empty_slabs_of(group);
    } else {
      end_empty_slabs_of(group);  // taking from an orphan begins with the lock of the runs
    }
    begin = end;
  }
  cool_down();
}

void sweep_blocks(Owner dead) {
  // The dead cannot hold its lock; a process under pressure may, to end slabs.
  const RobustGuard slabs(slot(dead).slabs_lock);
  {
    Runs runs;
    runs.for_each([&](std::uint64_t page, PageHead head) {
      OwnerWord& word = page_table()[page].owner;
      std::uint64_t owner = word.load();
      switch (head.kind) {
        case PageKind::large:
          if (owner == dead.bits || is_gone_object({owner})) {
            if (!word.compare_exchange_strong(owner, 0)) break;  // handed over just now
            owner = 0;
          }
          if (owner == 0) runs.free(page);
          break;
        case PageKind::cooling:
          if (!is_alive({owner})) runs.free(page);
          break;
        case PageKind::slab: sweep_slab(runs, dead, page, head); break;
        default: break;
      }
    });
    runs.recount();
  }
  cool_down();
}

}  // namespace royong::inline v0::memory
