// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Small files, links, and what this program is: its executable and its build-id.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <string>   // for std::string

struct dl_phdr_info;

namespace royong::inline v0::os {

/// The whole file, at most `limit` bytes (files in /proc do not know their size). @throws
/// std::system_error
std::string read_file(const std::string& path, std::size_t limit = std::size_t{1} << 20);

/// @throws std::system_error
void write_file(const std::string& path, const std::string& text);

/// Where a symbolic link points. @throws std::system_error
std::string read_link(const std::string& path);

/** @brief A path whose exec starts this program again.
 *
 *  Normally /proc/self/exe, which survives deletion of the file. Under valgrind or `ld.so
 * ./program` that names the tool: then the file that the main module is mapped from.
 */
std::string self_executable();

/// The build-id of a loaded module in hexadecimal; empty where the linker wrote none.
std::string build_id(const dl_phdr_info& module);

/// What identifies this program: its build-id, or device, inode, size and time of its file where it
/// has none.
const std::string& program_id();

}  // namespace royong::inline v0::os
