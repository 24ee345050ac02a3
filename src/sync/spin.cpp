// SPDX-License-Identifier: Apache-2.0
#include "sync/spin.hpp"

#include <array>    // for std::array
#include <cerrno>   // for errno
#include <cstddef>  // for std::size_t

#include "os/syscalls.hpp"

namespace royong::inline v0::sync {
namespace {

constexpr std::size_t history_count = 512;
std::array<SpinHistory, history_count> histories{};

enum class Processors : std::uint8_t { unknown = 0, one, several };
constinit thread_local Processors processors = Processors::unknown;

}  // namespace

SpinHistory& SpinHistory::of(const void* place) noexcept {
  // Records of objects are 320 bytes and more apart: a multiplicative hash spreads them.
  const auto hash = reinterpret_cast<std::uintptr_t>(place) / 4 * 0x9e3779b97f4a7c15u;
  return histories[hash >> 55];
}
static_assert(history_count == 1u << (64 - 55));

bool Spinner::several_processors() noexcept {
  if (processors == Processors::unknown) count_processors();
  return processors == Processors::several;
}

void Spinner::count_processors() noexcept {
  // The mask of this thread, which cpusets cut too; not the number of processors that the machine has. It can change at any time.
  cpu_set_t mask;
  const int before = errno;
  // It fails where there are more than 1024 of them, or where a sandbox forbids it.
  const bool one = os::sys().sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) == 1;
  processors = one ? Processors::one : Processors::several;
  errno = before;
}

void Spinner::count_processors_sometimes() noexcept {
  constinit static thread_local unsigned sleeps = 0;
  if (++sleeps % 16 == 0) count_processors();
}

}  // namespace royong::inline v0::sync
