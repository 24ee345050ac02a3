// SPDX-License-Identifier: Apache-2.0
#include "memory/slabs.hpp"

#include <algorithm>  // for std::fill_n, std::max
#include <memory>     // for std::construct_at
#include <vector>     // for std::vector

#include "memory/blocks.hpp"
#include "memory/robust_mutex.hpp"

namespace royong::inline v0::memory {
namespace {

// What this process remembers of its slabs of one class, guarded by the slabs_lock of its slot.
struct Memo {
  std::vector<std::uint64_t> pages;   // its slabs; another process may have ended one meanwhile
  std::size_t current = 0;            // the one that blocks are taken from
  std::uint32_t next = 0;             // its words before this were looked at
  std::atomic<Offset> last_freed{0};  // still warm in the cache; written without the lock
};

// Never destroyed: blocks are freed in static destructors too, and a forked child must not touch a
// vector that another thread of the parent was changing.
union Memos {
  constexpr Memos() : unused() {}
  ~Memos() {}
  char unused;
  std::array<Memo, small_classes> of;
};
constinit Memos memos_storage;

std::array<Memo, small_classes>& memos() noexcept {
  static auto& constructed = *std::construct_at(&memos_storage.of);
  return constructed;
}

bool is_ours(std::uint64_t page, unsigned size_class, Owner me) noexcept {
  const PageHead head = head_of(page);
  return head.kind == PageKind::slab && head.size_class == size_class &&
         page_table()[page].owner.load(std::memory_order_relaxed) == me.bits;
}

Offset offset_in(std::uint64_t page, unsigned size_class, std::uint32_t index) noexcept {
  const SlabShape& shape = slab_shapes[size_class];
  return mapping.pages + page * page_size + shape.data + std::uint64_t{index} * shape.size;
}

Offset take(std::uint64_t page, unsigned size_class, std::uint32_t index, Owner me) noexcept {
  slab_words(page)[index].store(me.bits, std::memory_order_release);
  return offset_in(page, size_class, index);
}

Offset take_last_freed(Memo& memo, unsigned size_class, Owner me) noexcept {
  const Offset block = memo.last_freed.load(std::memory_order_relaxed);
  if (block == 0) return 0;
  memo.last_freed.store(0, std::memory_order_relaxed);
  const std::uint64_t page = (block - mapping.pages) / page_size;
  if (!is_ours(page, size_class, me)) return 0;
  const SlabShape& shape = slab_shapes[size_class];
  const auto in_page = static_cast<std::uint32_t>(block % page_size);
  const auto index = static_cast<std::uint32_t>((in_page - shape.data) * shape.reciprocal >> 32);
  if (slab_words(page)[index].load(std::memory_order_acquire) != 0) return 0;
  return take(page, size_class, index, me);
}

Offset take_from_current(Memo& memo, unsigned size_class, Owner me) noexcept {
  if (memo.current >= memo.pages.size()) return 0;
  const std::uint64_t page = memo.pages[memo.current];
  if (!is_ours(page, size_class, me)) return 0;
  const OwnerWord* words = slab_words(page);
  for (const std::uint32_t count = slab_shapes[size_class].count; memo.next < count;) {
    const std::uint32_t index = memo.next++;
    if (words[index].load(std::memory_order_acquire) == 0) return take(page, size_class, index, me);
  }
  return 0;
}

std::uint32_t free_blocks(std::uint64_t page, unsigned size_class) noexcept {
  std::uint32_t free = 0;
  for (std::uint32_t i = 0; i < slab_shapes[size_class].count; ++i) {
    free += slab_words(page)[i].load(std::memory_order_acquire) == 0;
  }
  return free;
}

// Moves on to a slab of ours with room: one in eight blocks, so that a scan pays, unless
// `everything` counts.
bool choose_slab(Memo& memo, unsigned size_class, Owner me, bool everything) noexcept {
  const std::uint32_t worth = everything ? 1 : std::max(slab_shapes[size_class].count / 8, 1U);
  for (std::size_t tried = 0; tried < memo.pages.size();) {
    const std::size_t candidate = (memo.current + 1 + tried) % memo.pages.size();
    const std::uint64_t page = memo.pages[candidate];
    if (!is_ours(page, size_class, me)) {  // ended by another process under pressure
      memo.pages[candidate] = memo.pages.back();
      memo.pages.pop_back();
      tried = 0;
      continue;
    }
    ++tried;
    std::atomic<std::uint32_t>& freed = page_table()[page].freed;
    if (!everything && freed.load(std::memory_order_relaxed) == 0) continue;
    // An exchange, so that it comes before the words are read: a free that this scan misses sets
    // the flag again.
    freed.exchange(0);
    if (free_blocks(page, size_class) < worth) continue;
    memo.current = candidate;
    memo.next = 0;
    return true;
  }
  return false;
}

std::optional<std::uint64_t> adopt(Runs& runs, unsigned size_class, Owner me) {
  if (header().orphans[size_class] == 0) return {};
  std::optional<std::uint64_t> found;
  runs.for_each([&](std::uint64_t page, PageHead head) {
    if (found || head.kind != PageKind::slab || head.size_class != size_class) return;
    if (page_table()[page].owner.load() == 0) found = page;
  });
  if (found) {
    page_table()[*found].owner.store(me.bits);
    --header().orphans[size_class];
  } else {
    header().orphans[size_class] = 0;
  }
  return found;
}

std::optional<std::uint64_t> make_slab(Runs& runs, unsigned size_class, Owner me) {
  const auto page = runs.find(1);
  if (!page) return {};
  OwnerWord* words = slab_words(*page);
  for (std::uint32_t i = 0; i < slab_shapes[size_class].count; ++i) {
    words[i].store(0, std::memory_order_relaxed);
  }
  runs.commit(*page, {PageKind::slab, static_cast<std::uint8_t>(size_class), 1}, me.bits);
  return page;
}

bool add_slab(Memo& memo, unsigned size_class, Owner me) {
  memo.pages.reserve(memo.pages.size() + 1);  // what can throw comes first
  Runs runs;
  auto page = adopt(runs, size_class, me);
  if (!page) page = make_slab(runs, size_class, me);
  if (!page) return false;
  memo.pages.push_back(*page);
  memo.current = memo.pages.size() - 1;
  memo.next = 0;
  return true;
}

}  // namespace

Offset take_small(unsigned size_class, bool everything) {
  const Owner me = self();
  const RobustGuard guard(slot(me).slabs_lock);
  Memo& memo = memos()[size_class];
  for (;;) {
    if (const Offset block = take_last_freed(memo, size_class, me)) return block;
    if (const Offset block = take_from_current(memo, size_class, me)) return block;
    if (choose_slab(memo, size_class, me, everything)) continue;
    if (!add_slab(memo, size_class, me)) return 0;
  }
}

void note_freed(std::uint64_t page, unsigned size_class, Offset block) noexcept {
  PageEntry& entry = page_table()[page];
  entry.freed.store(1, std::memory_order_release);
  if (entry.owner.load(std::memory_order_relaxed) == self().bits) {
    memos()[size_class].last_freed.store(block, std::memory_order_relaxed);
  }
}

bool end_if_empty(Runs& runs, std::uint64_t page, PageHead head) {
  if (free_blocks(page, head.size_class) != slab_shapes[head.size_class].count) return false;
  runs.free(page);
  return true;
}

void forget_slabs() noexcept { std::construct_at(&memos_storage.of); }

}  // namespace royong::inline v0::memory
