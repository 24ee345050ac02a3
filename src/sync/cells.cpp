// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/cells.hpp"

#include <limits>     // for std::numeric_limits
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::to_string

#include "memory/blocks.hpp"
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
  sync::free_of_dead(sync::state_of<CellsState>(record).lock.lock_word, dead,
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

}  // namespace

namespace detail {

ObjectRef create_cells(ObjectKind kind, std::uint64_t type_hash, std::int64_t count,
                       std::size_t element, bool spare) {
  if (count < 0) {
    throw UsageError("the length of a shared array cannot be negative: " + std::to_string(count));
  }
  const auto wanted = static_cast<std::uint64_t>(count);
  auto object = ObjectRef::create(kind, type_hash);
  auto& state = sync::state_of<CellsState>(object);
  state.count = wanted;
  if (wanted > (std::numeric_limits<std::uint64_t>::max() >> 1) / element - 1) {
    throw ArenaFull("an array of " + std::to_string(wanted) + " elements of " +
                    std::to_string(element) + " bytes does not fit any memory");
  }
  const std::uint64_t bytes = (wanted + (spare ? 1 : 0)) * element;
  if (bytes > sizeof state.data) {
    const auto block = memory::allocate(bytes);
    std::memset(memory::block(block).data(), 0, bytes);
    // Ours until the record names it: a death before leaves it to the sweep of this process.
    object.record().block = block;
    memory::set_owner(block, memory::owner_of_object(object.record()));
  }
  return object;
}

CellsView view_cells(const ObjectRef& object) noexcept {
  auto& state = sync::state_of<CellsState>(object);
  const auto block = object.record().block.load();
  return {block != 0 ? memory::block(block).data() : state.data,
          static_cast<std::size_t>(state.count.load()), &state.lock, &state.redo};
}

void throw_out_of_range(std::size_t index, std::size_t size) {
  throw std::out_of_range("index " + std::to_string(index) + " is beyond the end of an array of " +
                          std::to_string(size));
}

}  // namespace detail
}  // namespace royong::inline v0
