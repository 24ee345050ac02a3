// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A block filled with a pattern that tells whether somebody else wrote into it.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <cstring>  // for std::memcpy

#include "memory/blocks.hpp"

namespace royong_test {

/// Names a block; whoever knows its offset can check it.
class Patterned {
 public:
  explicit Patterned(std::size_t bytes) : offset_(royong::memory::allocate(bytes)) { fill(); }
  /// A block that another Patterned filled; 0 is none.
  Patterned(royong::memory::Offset offset, int) : offset_(offset) {}

  royong::memory::Offset offset() const { return offset_; }

  void fill() const {
    for_each_word([](std::byte* at, std::uint64_t word) {
      std::memcpy(at, &word, sizeof word);
      return true;
    });
  }

  bool intact() const {
    return for_each_word([](const std::byte* at, std::uint64_t word) {
      return std::memcmp(at, &word, sizeof word) == 0;
    });
  }

  void free() { royong::memory::free_block(offset_); }

 private:
  // The first and the last words of the block, and some between; each holds what its place in the
  // arena determines.
  template <class Visit>
  bool for_each_word(Visit visit) const {
    const auto bytes = royong::memory::block(offset_);
    const std::size_t words = bytes.size() / 8;
    for (std::size_t i = 0; i < words; i += i < 16 || i + 16 >= words ? 1 : 61) {
      if (!visit(bytes.data() + i * 8, (offset_ + i * 8) * 0x9e3779b97f4a7c15U)) return false;
    }
    return true;
  }

  royong::memory::Offset offset_;
};

}  // namespace royong_test
