// SPDX-License-Identifier: Apache-2.0
#include "transfer/modules.hpp"

#include <algorithm>    // for std::ranges::any_of
#include <array>        // for std::array
#include <atomic>       // for std::atomic
#include <cstring>      // for std::memcpy
#include <span>         // for std::span
#include <string_view>  // for std::string_view

#include "memory/arena.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::transfer {
namespace {

enum class EntryState : std::uint32_t { free = 0, claimed, ready };

/// In the arena; zero-filled is free.
struct Entry {
  std::atomic<EntryState> state;
  std::uint32_t is_main;
  std::array<char, 168> identity;  // both zero-terminated
  std::array<char, 848> path;
};
static_assert(sizeof(Entry) == 1024);

std::span<Entry> table() {
  const std::span<std::byte> bytes = memory::region(memory::Region::modules);
  return {reinterpret_cast<Entry*>(bytes.data()), bytes.size() / sizeof(Entry)};
}

bool is_entry_of(const Entry& entry, const LoadedModule& module) {
  return module.identity == entry.identity.data() && (entry.is_main != 0) == module.is_main &&
         (module.is_main || module.path == entry.path.data());
}

template <std::size_t N>
void fill(std::array<char, N>& field, const std::string& text) {
  if (text.size() >= N) throw UsageError("the path of a module is too long: " + text);
  std::memcpy(field.data(), text.c_str(), text.size() + 1);
}

}  // namespace

bool LoadedModule::has_code_at(std::uintptr_t address) const noexcept {
  return std::ranges::any_of(executable, [&](const Range& range) {
    return address >= range.begin && address < range.end;
  });
}

std::uint32_t register_module(const LoadedModule& module) {
  Entry filled{};
  fill(filled.identity, module.identity);
  fill(filled.path, module.path);
  const std::span<Entry> entries = table();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    EntryState state = entry.state.load(std::memory_order_acquire);
    if (state == EntryState::free && entry.state.compare_exchange_strong(
                                         state, EntryState::claimed, std::memory_order_acq_rel)) {
      entry.is_main = module.is_main ? 1 : 0;
      entry.identity = filled.identity;
      entry.path = filled.path;
      entry.state.store(EntryState::ready, std::memory_order_release);
      return static_cast<std::uint32_t>(i);
    }
    // A claimed entry is somebody's who is at work on it, or died there: passed over.
    if (state == EntryState::ready && is_entry_of(entry, module)) {
      return static_cast<std::uint32_t>(i);
    }
  }
  throw UsageError("functions of more than " + std::to_string(entries.size()) +
                   " modules were sent to other processes: the table is full");
}

void register_module_at(std::uint32_t index, const LoadedModule& module) {
  Entry filled{};
  fill(filled.identity, module.identity);
  fill(filled.path, module.path);
  const std::span<Entry> entries = table();
  if (index >= entries.size())
    throw TransferError("no module can have the number " + std::to_string(index));
  Entry& entry = entries[index];
  EntryState state = EntryState::free;
  if (entry.state.compare_exchange_strong(state, EntryState::claimed, std::memory_order_acq_rel)) {
    entry.is_main = module.is_main ? 1 : 0;
    entry.identity = filled.identity;
    entry.path = filled.path;
    entry.state.store(EntryState::ready, std::memory_order_release);
    return;
  }
  // The path may be another one: another machine may have it elsewhere.
  if (state == EntryState::ready && module.identity == entry.identity.data() &&
      (entry.is_main != 0) == module.is_main)
    return;
  throw TransferError("module number " + std::to_string(index) + " is " + module.path +
                      " there, and here " + entry.path.data());
}

LoadedModule registered_module(std::uint32_t index) {
  const std::span<Entry> entries = table();
  if (index >= entries.size() ||
      entries[index].state.load(std::memory_order_acquire) != EntryState::ready) {
    throw TransferError("no module number " + std::to_string(index) + " is known");
  }
  const Entry& entry = entries[index];
  LoadedModule module;
  module.is_main = entry.is_main != 0;
  module.identity = entry.identity.data();
  module.path = entry.path.data();
  return module;
}

}  // namespace royong::inline v0::transfer
