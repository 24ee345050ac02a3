// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Addresses and mangled names as text.
 */
#pragma once

#include <span>    // for std::span
#include <string>  // for std::string

namespace royong::inline v0::transfer {

/// "void parse(int)" for "_Z5parsei"; the name itself where it is none of C++.
std::string demangle(const char* name);

/** @brief One line for each address: function, file and line where they are known, module and
 *  offset always.
 *
 *  The last is what `addr2line -e MODULE OFFSET` takes, on any machine that has the module with its
 *  debug information.
 */
std::string describe_frames(std::span<void* const> frames);

}  // namespace royong::inline v0::transfer
