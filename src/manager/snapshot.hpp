// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Snapshot: the published objects of a server, and what they refer to, in a file.
 *
 *  | bytes | |
 *  |---|---|
 *  | 8 | "RYSNAP1\n" |
 *  | 8 | FNV-1a of the rest |
 *  | | names: name and number of each published object |
 *  | | objects: number, name of the class, signature, bytes |
 *
 *  An object inside another one (a proxy) is its number. The file is replaced as a whole: written aside, made durable, renamed, and then the folder is made durable. Whoever dies in the middle
 *  leaves the old file, and one beside it that the next snapshot overwrites.
 */
#pragma once

#include <cstdint>     // for std::uint64_t
#include <filesystem>  // for std::filesystem::path
#include <functional>  // for std::function
#include <memory>      // for std::unique_ptr
#include <string>      // for std::string
#include <utility>     // for std::pair
#include <vector>      // for std::vector

#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/session.hpp"

namespace royong::inline v0::manager {

/** @brief Writes the file.
 *  @param names      the published names with the numbers of their objects
 *  @param object_of  the object with a number
 *  @param number_of  the number of an object that a proxy refers to; 0: it is another server's
 *  @throws TransferError an object cannot be saved; std::system_error
 */
void write_snapshot(const std::filesystem::path& file,
                    const std::vector<std::pair<std::string, std::uint64_t>>& names,
                    const std::function<const detail::ServedObject&(std::uint64_t)>& object_of,
                    const std::function<std::uint64_t(const detail::TargetRef&)>& number_of);

/** @brief Reads the file, if there is one.
 *  @param add  takes an object into the server
 *  @return the published names with their objects
 *  @throws TransferError it is damaged, or of a type that this program does not know; std::system_error
 */
std::vector<std::pair<std::string, detail::TargetRef>> read_snapshot(
    const std::filesystem::path& file,
    const std::function<detail::TargetRef(std::unique_ptr<detail::ServedObject>)>& add);

}  // namespace royong::inline v0::manager
