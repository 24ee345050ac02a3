// SPDX-License-Identifier: Apache-2.0
#include "sync/courtesy.hpp"

#include <sched.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono::steady_clock
#include <cstdint>  // for std::int64_t

#include "sync/spin.hpp"

namespace royong::inline v0::sync {
namespace {

/// Nanoseconds. An estimate: an update may be lost, and a shorter one comes again.
std::atomic<std::int64_t> shortest_yield{INT64_MAX};

/// The last yield of this thread was to somebody.
thread_local bool is_crowded = false;

}  // namespace

int Courtesy::pass(int pauses) noexcept {
  if (!is_crowded && ++looks_ < patience_) {
    for (int i = 0; i < pauses; ++i) pause();
    return 1;
  }
  looks_ = 0;
  using Clock = std::chrono::steady_clock;
  const auto before = Clock::now();
  ::sched_yield();
  const std::int64_t taken = std::chrono::nanoseconds(Clock::now() - before).count();
  const std::int64_t shortest = shortest_yield.load(std::memory_order_relaxed);
  if (taken < shortest) shortest_yield.store(taken, std::memory_order_relaxed);
  is_crowded = taken / 2 > shortest;
  return is_crowded ? yield_counts : 1;
}

}  // namespace royong::inline v0::sync
