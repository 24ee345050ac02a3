// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Addresses and types as text.
 */
#pragma once

#include <span>      // for std::span
#include <string>    // for std::string
#include <typeinfo>  // for std::type_info

namespace royong::inline v0::transfer {

/// A type's name without what the standard library and our inline namespace add to it.
std::string readable_name(const std::type_info& type);

/** @brief One line for each address: function, file and line where they are known, module and
 *  offset always.
 *
 *  The last is what `addr2line -e MODULE OFFSET` takes, on any machine that has the module with its
 *  debug information.
 */
std::string describe_frames(std::span<void* const> frames);

}  // namespace royong::inline v0::transfer
