// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the dynamic loader knows of the modules in this process.
 */
#pragma once

#include <cstdint>   // for std::uintptr_t
#include <optional>  // for std::optional
#include <string>    // for std::string

#include "transfer/modules.hpp"

namespace royong::inline v0::transfer {

/// The module whose code `address` lies in.
std::optional<LoadedModule> module_at(std::uintptr_t address);

/// The loaded module of this identity.
std::optional<LoadedModule> module_of(const std::string& identity);

/// The main program.
LoadedModule main_module();

/// Keeps a module loaded for the life of this process, so that what is remembered of it stays true.
void keep_loaded(const LoadedModule& module);

/** @brief Loads the module at `wanted.path`, after a look into the file whether it is still the
 *  one.
 *  @throws TransferError the file is missing or changed (both identities are named), or does not
 *    load
 */
LoadedModule load(const LoadedModule& wanted);

}  // namespace royong::inline v0::transfer
