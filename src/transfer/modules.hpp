// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The modules (executable, shared libraries) that functions of the family lie in.
 *
 *  The table in the arena is append-only: an entry is claimed by compare-and-swap, filled, and
 *  committed by one store of its state. A process
 *  that dies in between wastes one entry; two that register one module at the same time make two
 *  entries, both right.
 */
#pragma once

#include <cstdint>  // for std::uint32_t, std::uintptr_t
#include <string>   // for std::string
#include <vector>   // for std::vector

namespace royong::inline v0::transfer {

/// A module as it lies in this process.
struct LoadedModule {
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };

  bool is_main = false;
  std::uintptr_t base = 0;        ///< what offsets count from
  std::vector<Range> executable;  ///< the segments that code can lie in
  /// build-id; of a module without one, what stat tells of its file
  std::string identity;
  std::string path;  ///< absolute; for the main program only a name for messages

  bool has_code_at(std::uintptr_t address) const noexcept;
};

/// The table's position of a module, which is registered at first sight.
/// @throws UsageError no arena, the table is full, the path is too long
std::uint32_t register_module(const LoadedModule& module);

/// Puts a module at this position, for an id that was made elsewhere. @throws TransferError another
/// one is there
void register_module_at(std::uint32_t index, const LoadedModule& module);

/// What the table says at `index`: only identity, path and is_main are set. @throws TransferError
/// no such entry
LoadedModule registered_module(std::uint32_t index);

}  // namespace royong::inline v0::transfer
