// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/function_id.hpp"

#include <array>    // for std::array
#include <atomic>   // for std::atomic
#include <memory>   // for std::unique_ptr
#include <sstream>  // for std::ostringstream
#include <string>   // for std::to_string
#include <utility>  // for std::move

#include "royong/detail/call.hpp"
#include "royong/error.hpp"
#include "transfer/loader.hpp"
#include "transfer/modules.hpp"

namespace royong::inline v0::detail {
namespace {

using transfer::LoadedModule;

constexpr unsigned module_shift = 48;
constexpr std::uint64_t offset_mask = (std::uint64_t{1} << module_shift) - 1;

/// Modules that were looked up, by their number. Entries are set once and never deleted: what is
/// known stays true, because the modules are
/// kept loaded. A plain array of atomics needs no lock, so a fork at any instant is harmless.
std::array<std::atomic<const LoadedModule*>, 256> known_modules;
std::atomic<std::uint32_t> known_end{0};

const LoadedModule& remember(std::uint32_t index, LoadedModule module) {
  transfer::keep_loaded(module);
  auto made = std::make_unique<const LoadedModule>(std::move(module));
  const LoadedModule* expected = nullptr;
  if (known_modules[index].compare_exchange_strong(expected, made.get())) {
    expected = made.release();
    std::uint32_t end = known_end.load();
    while (end <= index && !known_end.compare_exchange_weak(end, index + 1)) {
    }
  }
  return *expected;
}

FunctionId make_id(std::uint32_t index, std::uintptr_t offset) {
  return {std::uint64_t{index} << module_shift | offset};
}

const LoadedModule& find_module(std::uint32_t index) {
  LoadedModule wanted = transfer::registered_module(index);
  if (wanted.is_main) {
    LoadedModule main = transfer::main_module();
    if (main.identity != wanted.identity) {
      throw TransferError("the function is of another program: want build-id " + wanted.identity +
                          ", have " + main.identity);
    }
    return remember(index, std::move(main));
  }
  if (auto loaded = transfer::module_of(wanted.identity)) {
    return remember(index, *std::move(loaded));
  }
  return remember(index, transfer::load(wanted));
}

}  // namespace

FunctionId identify(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  const std::uint32_t end = known_end.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < end; ++i) {
    const LoadedModule* module = known_modules[i].load(std::memory_order_acquire);
    if (module != nullptr && module->has_code_at(place)) return make_id(i, place - module->base);
  }
  auto module = transfer::module_at(place);
  if (!module) {
    std::ostringstream text;
    text << "the function at " << address
         << " lies in no module (generated code, or a wild pointer): no other process can find it";
    throw UsageError(text.str());
  }
  const std::uint32_t index = transfer::register_module(*module);
  if (index >= known_modules.size()) throw UsageError("too many modules");
  return make_id(index, place - remember(index, *std::move(module)).base);
}

void* resolve(FunctionId id) {
  const auto index = static_cast<std::uint32_t>(id.bits >> module_shift);
  const LoadedModule* module =
      index < known_modules.size() ? known_modules[index].load(std::memory_order_acquire) : nullptr;
  if (module == nullptr) {
    if (index >= known_modules.size()) {
      throw TransferError("no module number " + std::to_string(index) + " is known");
    }
    module = &find_module(index);
  }
  const std::uintptr_t address = module->base + (id.bits & offset_mask);
  if (!module->has_code_at(address)) {
    throw TransferError("offset " + std::to_string(id.bits & offset_mask) + " of " + module->path +
                        " is not code");
  }
  return reinterpret_cast<void*>(address);
}

std::optional<ModuleName> module_name(std::uint32_t index) {
  try {
    LoadedModule module = transfer::registered_module(index);
    return ModuleName{std::move(module.identity), std::move(module.path), module.is_main};
  } catch (const TransferError&) {
    return std::nullopt;
  }
}

void adopt_module(std::uint32_t index, const ModuleName& name) {
  if (name.is_main && name.identity != main_build_id())
    throw TransferError("the main program is another one: build-id " + name.identity +
                        " there, and here " + main_build_id());
  LoadedModule module;
  module.is_main = name.is_main;
  module.identity = name.identity;
  module.path = name.path;
  transfer::register_module_at(index, module);
}

std::string main_build_id() { return transfer::main_module().identity; }

void run_call(Reader& in, Writer& out) {
  FunctionId id;
  in.read_plain(id.bits);
  reinterpret_cast<CallThunk>(resolve(id))(in, out);
}

}  // namespace royong::inline v0::detail
