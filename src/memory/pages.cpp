// SPDX-License-Identifier: Apache-2.0
#include "memory/pages.hpp"

#include <algorithm>  // for std::min
#include <exception>  // for std::exception
#include <string>     // for std::to_string

#include "os/error.hpp"
#include "os/memory.hpp"

namespace royong::inline v0::memory {
namespace {

void set_head(std::uint64_t page, PageHead head) noexcept {
  page_table()[page].head.store(head.packed());
}

std::uint64_t quota_pages() noexcept { return header().quota.load() / page_size; }

// Free pages that may stay resident.
std::uint64_t watermark() noexcept {
  constexpr std::uint64_t most = (std::uint64_t{64} << 20) / page_size;
  return std::min(most, quota_pages() / 8);
}

}  // namespace

Runs::Runs() : guard_(header().runs_lock) {
  if (guard_.owner_died()) recount();
}

// A damaged table (a wild write) must not become an endless loop or a walk beyond the mark.
bool Runs::plausible(std::uint64_t page, PageHead head, std::uint64_t high) noexcept {
  if (head.kind != PageKind::none && head.length > 0 && head.length <= high - page) return true;
  os::report_error("the arena's page table is damaged: somebody wrote beyond a block");
  return false;
}

void Runs::recount() {
  Header& head = header();
  std::uint64_t used = 0, warm = 0, lowest = head.pages_high.load();
  std::array<std::uint32_t, small_classes> orphans{};
  for_each([&](std::uint64_t page, PageHead run) {
    if (run.is_free()) lowest = std::min(lowest, page);
    if (run.kind == PageKind::warm) warm += run.length;
    if (run.kind == PageKind::large || run.kind == PageKind::slab) used += run.length;
    if (run.kind == PageKind::slab && page_table()[page].owner.load() == 0) {
      ++orphans[run.size_class];
    }
  });
  head.used_pages = used;
  head.warm_pages = warm;
  head.lowest_free = lowest;
  for (std::size_t i = 0; i < orphans.size(); ++i) head.orphans[i] = orphans[i];
}

// Joins the free runs of the same kind behind `page` to it, by one store that swallows their heads.
PageHead Runs::absorb(std::uint64_t page, PageHead head, std::uint64_t high) {
  const std::uint32_t before = head.length;
  while (page + head.length < high) {
    const PageHead next = head_of(page + head.length);
    if (next.kind != head.kind) break;
    head.length += next.length;
  }
  if (head.length != before) set_head(page, head);
  return head;
}

// Makes a cold run of pages never used. A death before the mark moves leaves them never used.
bool Runs::extend(std::uint64_t pages) {
  const std::uint64_t high = header().pages_high.load();
  if (pages > mapping.page_count - high) return false;
  set_head(high, {PageKind::cold, 0, static_cast<std::uint32_t>(pages)});
  header().pages_high.store(high + pages);
  return true;
}

std::optional<std::uint64_t> Runs::find_among(std::uint64_t pages, bool warm_only) {
  Header& head = header();
  const std::uint64_t high = head.pages_high.load();
  const auto fits = [&](PageHead run) {
    return warm_only ? run.kind == PageKind::warm : run.is_free();
  };
  bool lowest_known = false;
  for (std::uint64_t page = head.lowest_free.load(); page < high;) {
    PageHead run = head_of(page);
    if (!plausible(page, run, high)) return {};
    if (run.is_free() && !lowest_known) {
      head.lowest_free = page;
      lowest_known = true;
    }
    if (!fits(run)) {
      page += run.length;
      continue;
    }
    const std::uint64_t first = page;
    while (page < high && page - first < pages && fits(run = head_of(page))) {
      page += absorb(page, run, high).length;
    }
    const std::uint64_t found = page - first;
    if (found >= pages) return first;
    if (page == high && !warm_only) {
      return extend(pages - found) ? std::optional(first) : std::nullopt;
    }
  }
  if (!lowest_known) head.lowest_free = high;
  if (warm_only || !extend(pages)) return {};
  return high;
}

std::optional<std::uint64_t> Runs::find(std::uint64_t pages) {
  const Header& head = header();
  const std::uint64_t quota = quota_pages();
  const std::uint64_t used = head.used_pages.load();
  if (pages > quota || used > quota - pages) return {};
  if (head.warm_pages.load() >= pages) {
    if (const auto first = find_among(pages, true)) return first;
  }
  return find_among(pages, false);
}

void Runs::commit(std::uint64_t first, PageHead head, std::uint64_t owner) {
  const std::uint64_t end = first + head.length;
  std::uint64_t warm = 0;
  for (std::uint64_t page = first; page < end;) {
    const PageHead run = head_of(page);
    const std::uint64_t next = page + run.length;
    if (run.kind == PageKind::warm) warm += std::min(next, end) - page;
    // What is left of the last run; until the commit this head lies inside that run.
    if (next > end) set_head(end, {run.kind, 0, static_cast<std::uint32_t>(next - end)});
    page = next;
  }
  PageEntry& entry = page_table()[first];
  entry.owner.store(owner);
  entry.freed.store(0);
  entry.head.store(head.packed());
  header().used_pages += head.length;
  header().warm_pages -= warm;
  if (header().lowest_free == first) header().lowest_free = end;
}

void Runs::release(std::uint64_t first, PageKind kind) {
  PageHead run = head_of(first);
  run.kind = kind;
  run.size_class = 0;
  set_head(first, run);
  header().lowest_free = std::min(header().lowest_free.load(), first);
  if (kind == PageKind::warm) header().warm_pages += run.length;
}

void Runs::free(std::uint64_t first) {
  const PageHead run = head_of(first);
  if (run.kind != PageKind::cooling) header().used_pages -= run.length;
  release(first, PageKind::warm);
}

std::optional<std::uint64_t> Runs::begin_cooling(std::uint64_t& pages, std::uint64_t owner) {
  std::optional<std::uint64_t> highest;
  const std::uint64_t high = header().pages_high.load();
  for_each([&](std::uint64_t page, PageHead run) {
    if (run.kind == PageKind::warm) highest = page;
  });
  if (!highest) return {};
  PageHead run = absorb(*highest, head_of(*highest), high);
  const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(pages, run.length));
  const std::uint64_t first = *highest + run.length - taken;
  // The back of the run: its head and owner are written where they mean nothing yet, then the front
  // is cut.
  page_table()[first].owner.store(owner);
  set_head(first, {PageKind::cooling, 0, taken});
  run.length -= taken;
  if (run.length > 0) set_head(*highest, run);
  header().warm_pages -= taken;
  pages = taken;
  return first;
}

void Runs::end_cooling(std::uint64_t first) { release(first, PageKind::cold); }

// The hole is punched without the lock: it takes 60 us for each MiB. Down to half the mark, so that
// it does not happen at every free.
void cool_down() noexcept {
  const Header& head = header();
  if (head.warm_pages.load(std::memory_order_relaxed) <= watermark()) return;
  try {
    const std::uint64_t goal = watermark() / 2;
    for (;;) {
      std::uint64_t pages = 0;
      std::optional<std::uint64_t> first;
      {
        Runs runs;
        const std::uint64_t warm = head.warm_pages.load();
        if (warm <= goal) return;
        pages = warm - goal;
        first = runs.begin_cooling(pages, self().bits);
      }
      if (!first) return;
      const bool punched =
          os::punch_hole(mapping.fd, mapping.pages + *first * page_size, pages * page_size);
      Runs runs;
      if (punched) {
        runs.end_cooling(*first);
      } else {  // what cannot be given back is still good for the next block
        runs.free(*first);
        return;
      }
    }
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot give memory back to the system: ") + error.what());
  }
}

}  // namespace royong::inline v0::memory
