// SPDX-License-Identifier: Apache-2.0
#include "manager/memory_limit.hpp"

#include <malloc.h>

#include <algorithm>  // for std::min

#include "manager/server.hpp"
#include "os/limits.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

namespace {

constexpr std::uint64_t weight = 16;
/// How long a process that was found full is taken for full: so whoever knocks does not keep it busy with measuring.
constexpr std::chrono::milliseconds pause{50};

std::uint64_t default_limit() {
  const std::uint64_t machine = os::total_memory();
  return std::min(machine, os::cgroup_memory().value_or(machine)) / 2;
}

}  // namespace

UsageError no_memory() {
  return UsageError(
      "the manager holds as much as it may for clients of other programs; see "
      "ManagerLimits::memory");
}

MemoryLimit::MemoryLimit(std::uint64_t most) : most_(most == 0 ? default_limit() : most) {}

std::uint64_t MemoryLimit::left_for(std::uint64_t bytes) {
  if (most_ == none) return none;
  if (bytes >= left_ / weight) {  // so it is 0 only when that was measured
    measure();
  } else {
    left_ -= bytes * weight;
  }
  return left_;
}

void MemoryLimit::require(std::uint64_t bytes) {
  if (left_for(bytes) < bytes) throw no_memory();
}

void MemoryLimit::measure() {
  const auto now = Timeout::Clock::now();
  if (was_full_ && now < measured_ + pause) return;
  std::uint64_t held = os::own_memory();
  if (held >= most_) {
    // What was freed and kept for the next time is not held for anybody.
    ::malloc_trim(0);
    held = os::own_memory();
  }
  left_ = most_ - std::min(held, most_);
  was_full_ = left_ == 0;
  measured_ = now;
}

}  // namespace royong::inline v0::manager

namespace royong::inline v0::detail {

void require_memory(std::size_t count, std::size_t size) {
  manager::Server* const server = manager::Server::current();
  std::uint64_t bytes = 0;
  if (server == nullptr) return;
  if (__builtin_mul_overflow(count, size, &bytes)) bytes = manager::MemoryLimit::none;
  server->memory().require(bytes);
}

}  // namespace royong::inline v0::detail
