// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What lies where in the arena. Private to this floor.
 *
 *  All of it is zero-filled when the arena is made and sparse: a table costs memory only up to its
 * high-water mark, and no scan goes beyond that mark.
 */
#pragma once

#include <pthread.h>

#include <array>    // for std::array
#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "memory/slots.hpp"

namespace royong::inline v0::memory {

inline constexpr std::array<char, 8> arena_magic{'r', 'o', 'y', 'o', 'n', 'g', '\n', '\x1a'};
inline constexpr std::uint32_t layout_version = 2;

inline constexpr std::uint64_t page_size = std::uint64_t{1} << 16;
inline constexpr std::uint64_t smallest_arena = std::uint64_t{256} << 20;
inline constexpr std::uint64_t largest_arena = std::uint64_t{64} << 30;

inline constexpr std::uint32_t max_objects = 1U << 16;
inline constexpr std::uint32_t max_pins = 1U << 16;
inline constexpr std::uint32_t small_classes = 10;

/// What identifies the arena; constant once it is made.
struct Identity {
  std::array<char, 8> magic;
  std::uint32_t layout;
  std::uint32_t reserved;
  std::uint64_t size;
  std::array<char, 168> program;  ///< os::program_id(), zero-terminated
};

/** @brief The first bytes of the arena.
 *
 *  Fields called derived may be wrong after a death in the middle of a change; whoever learns of it
 * (a lock whose owner died, a sweep) computes them anew from the words that are the truth.
 */
struct Header {  // NOLINT(clang-analyzer-optin.performance.Padding): each lock on its own lines
  Identity identity;

  alignas(128) pthread_mutex_t slots_lock;  ///< reservation of slots
  std::atomic<std::uint32_t> slots_high;    ///< slots ever used; their tokens are initialised
  pthread_mutex_t sweep_lock;               ///< one sweep at a time

  alignas(128) pthread_mutex_t runs_lock;  ///< runs of pages
  std::atomic<std::uint64_t> pages_high;   ///< pages ever used
  std::atomic<std::uint64_t> used_pages;   ///< derived: pages in runs that are not free
  std::atomic<std::uint64_t> warm_pages;   ///< derived: free pages that may be resident
  std::atomic<std::uint64_t> lowest_free;  ///< derived: no run below this page is free
  /// derived: slabs of each class that no process owns
  std::array<std::atomic<std::uint32_t>, small_classes> orphans;
  std::atomic<std::uint64_t> quota;  ///< bytes

  alignas(128) pthread_mutex_t objects_lock;  ///< directory of objects, and the pins
  std::atomic<std::uint32_t> objects_high;    ///< records ever used; their mutexes are initialised
  std::atomic<std::uint32_t> objects_live;    ///< derived
  std::atomic<std::uint32_t> objects_cursor;  ///< a hint where to look for a free record
  std::atomic<std::uint32_t> pins_high;       ///< pins ever used
  std::atomic<std::uint32_t> pins_cursor;     ///< a hint where to look for a free pin
  std::atomic<std::uint32_t> pins_live;       ///< derived
  std::atomic<std::uint64_t> last_serial;     ///< of objects
};

/// One page of the page area. See pages.hpp.
struct alignas(32) PageEntry {
  std::atomic<std::uint64_t> head;   ///< what run begins here; means nothing inside a run
  std::atomic<std::uint64_t> owner;  ///< Owner::bits of a large block, or of the slab's process
  std::atomic<std::uint32_t> freed;  ///< a hint: a block of this slab was freed since its last scan
};

/// A reference on its way: see `pin`.
struct alignas(32) Pin {
  std::atomic<std::uint64_t> owner;   ///< commit word: 0 = free
  std::atomic<std::uint64_t> serial;  ///< of the object
  std::atomic<std::uint32_t> index;   ///< of the object's record
  std::atomic<std::uint32_t>
      cycle;  ///< how often this pin was used, so that an old number is not mistaken
};

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

inline constexpr Offset slots_offset = 4096;
inline constexpr Offset modules_offset = slots_offset + max_processes * sizeof(Slot);
inline constexpr std::uint64_t modules_size = std::uint64_t{256} << 10;
inline constexpr Offset pins_offset = modules_offset + modules_size;
inline constexpr std::uint64_t pins_size = max_pins * sizeof(Pin);
inline constexpr Offset exceptions_offset = pins_offset + pins_size;
inline constexpr std::uint64_t exceptions_size = std::uint64_t{32} << 10;
inline constexpr Offset kept_files_offset = exceptions_offset + exceptions_size;
inline constexpr std::uint64_t kept_files_size = std::uint64_t{320} << 10;
inline constexpr Offset objects_offset = kept_files_offset + kept_files_size;
inline constexpr Offset page_table_offset = objects_offset + max_objects * sizeof(ObjectRecord);
static_assert(sizeof(Header) <= slots_offset);
static_assert(objects_offset % alignof(ObjectRecord) == 0 && page_table_offset % 64 == 0);

/// Where the pages begin in an arena of `size` bytes.
constexpr Offset pages_offset(std::uint64_t size) {
  return round_up(page_table_offset + size / page_size * sizeof(PageEntry), page_size);
}
static_assert(pages_offset(smallest_arena) < smallest_arena / 2);

/// This process's view of the arena; set once and never unmapped, because mutexes in it may be
/// held.
struct Mapping {
  std::atomic<std::byte*> base{nullptr};
  std::uint64_t size = 0;
  Offset pages = 0;  ///< offset of the first page
  std::uint64_t page_count = 0;
  int fd = -1;
};
extern constinit Mapping mapping;

[[noreturn]] void throw_no_arena();

/// Typed views; only for use where there is an arena.
inline Header& header() {
  return *reinterpret_cast<Header*>(mapping.base.load(std::memory_order_acquire));
}
inline PageEntry* page_table() {
  return reinterpret_cast<PageEntry*>(mapping.base.load(std::memory_order_acquire) +
                                      page_table_offset);
}
inline Slot* slot_table() {
  return reinterpret_cast<Slot*>(mapping.base.load(std::memory_order_acquire) + slots_offset);
}
inline ObjectRecord* object_table() {
  return reinterpret_cast<ObjectRecord*>(mapping.base.load(std::memory_order_acquire) +
                                         objects_offset);
}
inline Pin* pin_table() {
  return reinterpret_cast<Pin*>(mapping.base.load(std::memory_order_acquire) + pins_offset);
}

inline Header& checked_header() {
  if (!mapping.base.load(std::memory_order_acquire)) throw_no_arena();
  return header();
}

}  // namespace royong::inline v0::memory
