// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The limit of queues and pipes: a ring for one producer and one consumer that does nothing else.
 */
#pragma once

#include <sched.h>

#include <algorithm>  // for std::clamp
#include <atomic>     // for std::atomic
#include <bit>        // for std::bit_floor
#include <cstddef>    // for std::byte, std::size_t
#include <cstdint>    // for std::uint64_t
#include <cstring>    // for std::memcpy
#include <span>       // for std::span

#include "peers/workers.hpp"

namespace royong_bench {

/** @brief The limit: one producer, one consumer, messages of one size, both awake all the time.
 *
 *  It does nothing else: no death, no sleep, no second producer. Each side keeps its own copy of the other's index, so that a line
 *  crosses between the cores once for many messages; between two looks at it a waiting side pauses, longer each time.
 */
class SpscRing {
 public:
  explicit SpscRing(std::size_t size)
      : size_(size),
        // A quarter of a megabyte stays in the caches of both; a ring of a megabyte is sometimes a quarter as fast.
        slots_(std::bit_floor(std::clamp<std::size_t>((256 << 10) / size, 8, 4096))),
        ends_(2),
        data_(slots_ * size) {}

  void begin_put() {}
  void begin_get() {}

  void put(std::span<const std::byte> message) {
    End& own = ends_[0];
    const auto at = own.index.load(std::memory_order_relaxed);
    if (at - own.seen_other == slots_) {
      own.seen_other = wait(ends_[1].index, at - slots_);
    }
    std::memcpy(&data_[(at & (slots_ - 1)) * size_], message.data(), size_);
    own.index.store(at + 1, std::memory_order_release);
  }

  void get(std::span<std::byte> message) {
    End& own = ends_[1];
    const auto at = own.index.load(std::memory_order_relaxed);
    if (at == own.seen_other) own.seen_other = wait(ends_[0].index, at);
    std::memcpy(message.data(), &data_[(at & (slots_ - 1)) * size_], size_);
    own.index.store(at + 1, std::memory_order_release);
  }

 private:
  struct alignas(128) End {
    std::atomic<std::uint64_t> index{0};
    std::uint64_t seen_other = 0;
  };

  static std::uint64_t wait(const std::atomic<std::uint64_t>& index, std::uint64_t while_at) {
    for (int pauses = 1, round = 0;;) {
      const auto now = index.load(std::memory_order_acquire);
      if (now != while_at) return now;
      for (int i = 0; i < pauses; ++i) __builtin_ia32_pause();
      if (pauses < 64) pauses *= 2;
      if (++round % 64 == 0) ::sched_yield();
    }
  }

  std::size_t size_;
  std::size_t slots_;
  Shared<End> ends_;
  Shared<std::byte> data_;
};

}  // namespace royong_bench
