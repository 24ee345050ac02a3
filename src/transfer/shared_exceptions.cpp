// SPDX-License-Identifier: Apache-2.0
#include "transfer/shared_exceptions.hpp"

#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <cstdint>    // for std::uint64_t
#include <exception>  // for std::exception
#include <span>       // for std::span

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "royong/detail/exception.hpp"
#include "royong/detail/function_id.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::transfer {
namespace {

using Entry = std::atomic<std::uint64_t>;  // FunctionId::bits; 0: the list ends here

constexpr std::size_t most = 4096;

std::span<Entry> shared_list() {
  const auto bytes = memory::region(memory::Region::exceptions);
  static_assert(most * sizeof(Entry) == 32 << 10);
  return {reinterpret_cast<Entry*>(bytes.data()), most};
}

// What this process has: by position in the list. Flags and no lock, which a fork could leave held.
constinit std::array<std::atomic<bool>, most> installed{};
constinit std::atomic<std::size_t> looked_at{0};

}  // namespace

void install_shared_exceptions() noexcept {
  if (!memory::has_arena()) return;
  const auto list = shared_list();
  std::size_t position = looked_at.load(std::memory_order_relaxed);
  for (; position < most; ++position) {
    const std::uint64_t bits = list[position].load(std::memory_order_acquire);
    if (bits == 0) break;
    if (installed[position].exchange(true)) continue;
    try {
      reinterpret_cast<detail::ExceptionInstaller>(detail::resolve({bits}))();
    } catch (const std::exception& error) {
      detail::warn("cannot register an exception type of another process: {}", error.what());
    }
  }
  looked_at.store(position, std::memory_order_relaxed);
}

}  // namespace royong::inline v0::transfer

namespace royong::inline v0::detail {

void share_exception(ExceptionInstaller install) {
  if (!memory::has_arena()) return;
  const std::uint64_t bits = identify(reinterpret_cast<const void*>(install)).bits;
  const auto list = transfer::shared_list();
  for (std::size_t position = 0; position < transfer::most; ++position) {
    std::uint64_t seen = 0;
    // release: the module that the id names is in the module table.
    if (list[position].compare_exchange_strong(seen, bits, std::memory_order_acq_rel) ||
        seen == bits) {
      transfer::installed[position].store(true);  // the caller has registered it here
      return;
    }
  }
  throw UsageError("register_exception: no more than 4096 types");
}

}  // namespace royong::inline v0::detail
