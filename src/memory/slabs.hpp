// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Slabs: pages cut into small blocks of one size. Private to this floor.
 *
 *  A slab begins with one owner word for each of its blocks. Who may do what:
 *
 *  - Take a block: the slab's process, holding the `slabs_lock` of its slot; one store of the
 * owner. A death before it leaves the block free, after it a block of the dead, which the sweep
 * frees.
 *  - Free a block: anybody, by one compare-and-swap to 0; then `freed` of the page is set, a hint
 * that may be lost with a dying process: the block is then found by a later free, or under
 * pressure.
 *  - End a slab: whoever holds the lock of its process (or, for an orphan, the lock of the runs)
 * and sees that every word is 0. Nobody can be freeing a block in it, since none is live; nobody
 * can be taking one, without the lock.
 */
#pragma once

#include <array>     // for std::array
#include <atomic>    // for std::atomic
#include <bit>       // for std::bit_width
#include <cstdint>   // for std::uint32_t
#include <optional>  // for std::optional

#include "memory/pages.hpp"

namespace royong::inline v0::memory {

/// How a slab of a class is cut.
struct SlabShape {
  std::uint32_t count;       ///< blocks
  std::uint32_t size;        ///< bytes of each, a multiple of 64
  std::uint32_t data;        ///< where the first begins in the page, a multiple of 64
  std::uint64_t reciprocal;  ///< of `size`, in units of 2^-32
};

constexpr SlabShape make_slab_shape(unsigned size_class) {
  constexpr std::uint64_t line = 64;
  const std::uint64_t nominal = line << size_class;
  // The two halves of a page would not leave room for two owner words: 32 KiB is a nominal size.
  const std::uint64_t count =
      size_class + 1 == small_classes ? 2 : page_size / (nominal + sizeof(std::uint64_t));
  const std::uint64_t data = round_up(count * sizeof(std::uint64_t), line);
  const std::uint64_t size = (page_size - data) / count / line * line;
  return {static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(size),
          static_cast<std::uint32_t>(data), ((std::uint64_t{1} << 32) + size - 1) / size};
}

inline constexpr auto slab_shapes = [] {
  std::array<SlabShape, small_classes> shapes{};
  for (unsigned i = 0; i < small_classes; ++i) shapes[i] = make_slab_shape(i);
  return shapes;
}();

/// Larger blocks are runs of whole pages.
inline constexpr std::uint64_t largest_small = slab_shapes.back().size;

/// The class of the smallest blocks that hold `bytes`, which is at most `largest_small`.
constexpr unsigned class_for(std::uint64_t bytes) noexcept {
  const unsigned nominal = bytes <= 64 ? 0U : static_cast<unsigned>(std::bit_width(bytes - 1) - 6);
  return nominal > 0 && slab_shapes[nominal - 1].size >= bytes ? nominal - 1 : nominal;
}

using OwnerWord = std::atomic<std::uint64_t>;

inline OwnerWord* slab_words(std::uint64_t page) noexcept {
  return reinterpret_cast<OwnerWord*>(page_address(page));
}

/// Takes a block for this process. @param everything look for the last free one in every slab.
/// @return 0: none
Offset take_small(unsigned size_class, bool everything);

/// After a block was freed: remembers it for the next `take_small`, and that its slab has room.
void note_freed(std::uint64_t page, unsigned size_class, Offset block) noexcept;

/// Ends the slab if none of its blocks is live. The caller may, see above.
bool end_if_empty(Runs& runs, std::uint64_t page, PageHead head);

/// In the child of a fork: the slabs that the parent remembers are not ours.
void forget_slabs() noexcept;

}  // namespace royong::inline v0::memory
