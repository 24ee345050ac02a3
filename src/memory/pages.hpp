// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Runs of pages: the lower half of the allocator. Private to this floor.
 *
 *  The pages below the mark `pages_high` are tiled by runs; `head` of a run's first page says what
 * it is. Invariants:
 *
 *  - A head word that is not free is the head of a live run: it is written when the run begins to
 * live and turned to free when it ends. So an offset into the middle of a run is recognised without
 * the lock.
 *  - One store of a head word commits each change: taking (over one or several free neighbours at
 * once; the head of what is left behind them was written before, where it meant nothing), freeing,
 * splitting. A death before the store changes nothing, after it leaves a run with an owner, which
 * the owner's sweep frees.
 *  - A large block whose owner word is 0 is on its way to be free: the walk of the next sweep
 * completes that.
 *  - Everything else in the header is derived, and counted anew when the lock's owner died and by
 * every sweep.
 */
#pragma once

#include <cstdint>   // for std::uint64_t
#include <optional>  // for std::optional

#include "memory/layout.hpp"
#include "memory/robust_mutex.hpp"

namespace royong::inline v0::memory {

enum class PageKind : std::uint8_t {
  none = 0,  ///< never used
  cold,      ///< free, and given back to the system
  warm,      ///< free, and may still be resident
  large,     ///< one block
  slab,      ///< small blocks of one class
  cooling,   ///< free, while its owner gives it back to the system
};

/// The head word of a run, unpacked: magic (16 bits), kind (8), class (8), length in pages (32).
struct PageHead {
  PageKind kind = PageKind::none;
  std::uint8_t size_class = 0;
  std::uint32_t length = 0;

  static constexpr std::uint64_t magic = 0xB10C;

  constexpr std::uint64_t packed() const noexcept {
    return magic << 48 | std::uint64_t{static_cast<std::uint8_t>(kind)} << 40 |
           std::uint64_t{size_class} << 32 | length;
  }
  /// Kind `none` for a word that is no head.
  static constexpr PageHead unpacked(std::uint64_t word) noexcept {
    if (word >> 48 != magic) return {};
    return {static_cast<PageKind>(word >> 40 & 0xff), static_cast<std::uint8_t>(word >> 32 & 0xff),
            static_cast<std::uint32_t>(word)};
  }
  constexpr bool is_free() const noexcept {
    return kind == PageKind::cold || kind == PageKind::warm;
  }
};

inline PageHead head_of(std::uint64_t page) noexcept {
  return PageHead::unpacked(page_table()[page].head.load(std::memory_order_acquire));
}

inline std::byte* page_address(std::uint64_t page) noexcept {
  return mapping.base.load(std::memory_order_relaxed) + mapping.pages + page * page_size;
}

/// The runs, while this object holds their lock.
class Runs {
 public:
  Runs();

  /** @brief Finds room for `pages`: the warm runs first, lowest first, then the cold ones, then
   * pages never used.
   *  @return the first page, to be committed before the lock is released; nothing: quota or arena
   * are used up
   */
  std::optional<std::uint64_t> find(std::uint64_t pages);

  /// Begins the life of a run at a place that `find` returned.
  void commit(std::uint64_t first, PageHead head, std::uint64_t owner);

  /// Ends the life of a run.
  void free(std::uint64_t first);

  /// Counts the derived fields anew.
  void recount();

  /// Calls `visit(page, head)` for each run; it may free that run.
  template <class Visit>
  void for_each(Visit visit) {
    const std::uint64_t high = header().pages_high.load();
    for (std::uint64_t page = 0; page < high;) {
      const PageHead head = head_of(page);
      if (!plausible(page, head, high)) return;
      visit(page, head);
      page += head.length;
    }
  }

  /// Takes up to `pages` of the highest warm run, to be given back to the system. @return first
  /// page; `pages` is cut to its length
  std::optional<std::uint64_t> begin_cooling(std::uint64_t& pages, std::uint64_t owner);
  void end_cooling(std::uint64_t first);

 private:
  static bool plausible(std::uint64_t page, PageHead head, std::uint64_t high) noexcept;
  std::optional<std::uint64_t> find_among(std::uint64_t pages, bool warm_only);
  PageHead absorb(std::uint64_t page, PageHead head, std::uint64_t high);
  bool extend(std::uint64_t pages);
  void release(std::uint64_t first, PageKind kind);

  RobustGuard guard_;
};

/// Gives warm pages back to the system while there are more of them than the watermark.
void cool_down() noexcept;

}  // namespace royong::inline v0::memory
