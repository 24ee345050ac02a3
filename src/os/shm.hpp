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

/// Which file it is, whatever its name. Of files in /dev/shm that were removed no number is used again.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// @throws std::system_error
FileIdentity identity_of(int fd);

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

/// Removes the name if it is that file's. @return errno; ENOENT also when it is another's
int unlink_shm(std::string_view name, FileIdentity file) noexcept;

}  // namespace royong::inline v0::os
