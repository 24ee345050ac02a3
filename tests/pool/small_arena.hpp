// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Arenas with little room, for a while.
 */
#pragma once

#include <cstdint>
#include <vector>

#include "memory/blocks.hpp"
#include "royong/error.hpp"

namespace royong_test {

/// Leaves so many bytes of the quota.
class SmallArena {
 public:
  explicit SmallArena(std::uint64_t room) : before_(royong::memory::arena_usage().quota) {
    royong::memory::set_arena_quota(royong::memory::arena_usage().used + room);
  }
  ~SmallArena() { royong::memory::set_arena_quota(before_); }
  SmallArena(const SmallArena&) = delete;
  SmallArena& operator=(const SmallArena&) = delete;

 private:
  std::uint64_t before_;
};

/// Leaves no room for anything that is too long for a pool's ring, but for one hole.
class FullArena {
 public:
  explicit FullArena(std::size_t hole = 0) : small_(1 << 20) {
    const auto kept = hole != 0 ? royong::memory::allocate(hole) : 0;
    for (std::size_t size = 1 << 18; size >= 1 << 14; size /= 2) {
      try {
        for (;;) blocks_.push_back(royong::memory::allocate(size));
      } catch (const royong::ArenaFull&) {
      }
    }
    if (kept != 0) royong::memory::free_block(kept);
  }
  ~FullArena() {
    for (const auto block : blocks_) royong::memory::free_block(block);
  }
  FullArena(const FullArena&) = delete;
  FullArena& operator=(const FullArena&) = delete;

 private:
  SmallArena small_;
  std::vector<royong::memory::Offset> blocks_;
};

}  // namespace royong_test
