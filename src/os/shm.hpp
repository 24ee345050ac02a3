// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Named shared memory: files in /dev/shm, as shm_open makes them.
 *
 *  A file gets its name when it is whole: nobody ever opens one that has no size yet, and a process that dies before leaves nothing.
 */
#pragma once

#include <cstdint>      // for std::uint64_t
#include <string>       // for std::string
#include <string_view>  // for std::string_view

#include "os/fd.hpp"

namespace royong::inline v0::os {

/// Where a name stands.
std::string shm_path(std::string_view name);

/** @brief A file without a name, for this user alone, with all its memory taken from the system.
 *  @throws std::system_error ENOSPC, ENOMEM, EFBIG: a size that cannot be had
 */
Fd create_shm(std::uint64_t bytes, std::string_view name);

/// Gives a file of `create_shm` its name. @throws std::system_error EEXIST
void name_shm(int fd, std::string_view name);

/// For reading and writing; never waits, and follows no link. @throws std::system_error ENOENT
Fd open_shm(std::string_view name);

}  // namespace royong::inline v0::os
