// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief FunctionId: the name of a function that is the same in every process of the program.
 */
#pragma once

#include <cstdint>  // for std::uint64_t

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

}  // namespace royong::inline v0::detail
