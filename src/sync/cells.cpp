// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/cells.hpp"

#include <sys/mman.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <limits>     // for std::numeric_limits
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::to_string

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "os/memory.hpp"
#include "royong/error.hpp"
#include "sync/lock_repair.hpp"
#include "sync/state.hpp"

namespace royong::inline v0 {
namespace {

/// Small data lies in the record itself, the rest in its block.
struct CellsState {
  detail::RecursiveLockWord lock;
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint64_t> redo;
  alignas(64) std::byte data[192];
};
static_assert(sizeof(CellsState) == 256);

void repair(detail::ObjectRecord& record, memory::Owner dead) noexcept {
  sync::free_of_dead(sync::state_of<CellsState>(record).lock, dead,
                     "The lock of a Value or an Array");
}

void wake(detail::ObjectRecord& record) noexcept {
  sync::wake_sleepers(sync::state_of<CellsState>(record).lock.lock_word);
}

[[maybe_unused]] const bool hooked = [] {
  memory::set_kind_hooks(detail::ObjectKind::value, {.repair = &repair, .wake = &wake});
  memory::set_kind_hooks(detail::ObjectKind::array, {.repair = &repair, .wake = &wake});
  return true;
}();

/// From here on a system call that tells which pages exist is cheaper than writing to all of them.
constexpr std::uint64_t sparse = std::uint64_t{4} << 20;
/// From here on the kernel is asked for huge pages.
constexpr std::uint64_t huge = std::uint64_t{64} << 20;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

/// Blocks are aligned to 64 bytes; what a stricter type may need beside its elements.
std::uint64_t slack(const detail::CellShape& shape) noexcept {
  return shape.alignment > 64 ? shape.alignment : 0;
}

/// Zeros, where a block is not zero already: pages that the system has not given yet stay away.
void fill_with_zeros(memory::Offset block) {
  const auto bytes = memory::block(block);
  if (bytes.size() < sparse) {
    std::memset(bytes.data(), 0, bytes.size());
    return;
  }
  const memory::Offset end = block + bytes.size();
  for (memory::Offset at = block;;) {
    const auto data = os::find_data(memory::arena_fd(), at, end);
    if (data.begin == data.end) return;
    std::memset(bytes.data() + (data.begin - block), 0, data.end - data.begin);
    at = data.end;
  }
}

}  // namespace

namespace detail {

#ifndef ROYONG_NO_WIDE_WORD
const bool has_wide_words = [] {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_CMPXCHG16B) != 0;
}();
#endif

ObjectRef create_cells(ObjectKind kind, std::uint64_t type_hash, std::int64_t count,
                       CellShape shape, CellsHold hold) {
  if (count < 0) {
    throw UsageError("the length of a shared array cannot be negative: " + std::to_string(count));
  }
  const auto wanted = static_cast<std::uint64_t>(count);
  // Half of all numbers, so that what is added for the spare element and the alignment cannot wrap.
  if (wanted > (std::numeric_limits<std::uint64_t>::max() >> 1) / shape.size - 1) {
    throw ArenaFull("an array of " + std::to_string(wanted) + " elements of " +
                    std::to_string(shape.size) + " bytes does not fit any memory");
  }
  auto object = ObjectRef::create(kind, type_hash);
  auto& state = sync::state_of<CellsState>(object);
  state.count = wanted;
  const std::uint64_t bytes = (wanted + (shape.spare ? 1 : 0)) * shape.size;
  if (bytes > sizeof state.data || shape.alignment > alignof(CellsState)) {
    const auto block = memory::allocate(bytes + slack(shape));
    if (hold == CellsHold::zeros) fill_with_zeros(block);
    // Ours until the record names it: a death before leaves it to the sweep of this process.
    object.record().block = block;
    memory::set_owner(block, memory::owner_of_object(object.record()));
  }
  return object;
}

CellsView view_cells(const ObjectRef& object, CellShape shape) noexcept {
  auto& state = sync::state_of<CellsState>(object);
  std::byte* data = state.data;
  if (const auto block = object.record().block.load(); block != 0) {
    const auto bytes = memory::block(block);
    // The same distance in every process: all map the arena at a page's beginning.
    data = bytes.data() + (round_up(block, shape.alignment) - block);
    // A hint, which may be refused; each process has its own page tables.
    if (bytes.size() >= huge) os::advise(bytes.data(), bytes.size(), MADV_HUGEPAGE);
  }
  return {data, static_cast<std::size_t>(state.count.load()), &state.lock, &state.redo};
}

void throw_out_of_range(std::size_t index, std::size_t size) {
  throw std::out_of_range("index " + std::to_string(index) + " is beyond the end of an array of " +
                          std::to_string(size));
}

}  // namespace detail
}  // namespace royong::inline v0
