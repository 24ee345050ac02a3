// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief FunctionId: the name of a function that is the same in every process of the program.
 */
#pragma once

#include <cstdint>   // for std::uint64_t
#include <optional>  // for std::optional
#include <string>    // for std::string

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/** @brief A function as (module, offset).
 *
 *  The module is an index into the family's module table (build-id and absolute path of each, in
 *  the arena); the offset counts from
 *  the module's load address. Names are not used: two lambdas of one function, or two anonymous
 *  namespaces, can share one.
 *  bits = module << 48 | offset.
 */
struct FunctionId {
  std::uint64_t bits = 0;
  friend bool operator==(const FunctionId&, const FunctionId&) = default;
};

/** @brief Names the function at `address`; registers its module at first sight.
 *  @throws UsageError the address lies in no module (JIT code, a wild pointer), or the program is
 *    not initialised
 */
ROYONG_API FunctionId identify(const void* address);

/** @brief The address that `id` has in this process. Loads the module when it is not loaded yet.
 *  @throws TransferError unknown module; module missing or changed on disk (both build-ids are
 *    named); offset outside the executable
 *          segments
 */
ROYONG_API void* resolve(FunctionId id);

/// A module of the family's table, as another family of the same program is told of it.
struct ModuleName {
  std::string identity;  ///< build-id
  std::string path;
  bool is_main = false;
};

/// The module of this number; nothing when there is none (yet). Numbers count from 0, without a gap but for members that died.
ROYONG_API std::optional<ModuleName> module_name(std::uint32_t index);

/** @brief Gives a module the number that it has in another family, so that its FunctionIds mean the same here.
 *  @throws TransferError the number is another module's here; the main program is another one
 */
ROYONG_API void adopt_module(std::uint32_t index, const ModuleName& module);

/// Of the main program.
ROYONG_API std::string main_build_id();

}  // namespace royong::inline v0::detail
