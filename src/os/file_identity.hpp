// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief FileIdentity: which file it is, whatever its name, and the removal of a name only while it is that file's.
 */
#pragma once

#include <cstdint>   // for std::uint64_t
#include <optional>  // for std::optional
#include <string>    // for std::string

namespace royong::inline v0::os {

/// Of the open file of a descriptor, or of what has a name.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  /// Nanoseconds of its making; 0: not known. Tells it from a later file with its inode number, which ext4 gives again at once and tmpfs never.
  std::uint64_t birth = 0;

  /// Whether both may be one file: a birth that is not known is not compared.
  bool matches(const FileIdentity& other) const noexcept {
    return device == other.device && inode == other.inode &&
           (birth == 0 || other.birth == 0 || birth == other.birth);
  }
};

/// Without the birth. @throws std::system_error
FileIdentity identity_of(int fd);

/// Of what has the name now, a link itself included. Nothing: there is no such thing.
std::optional<FileIdentity> identity_at(const std::string& path) noexcept;

/// Removes the name if it is that file's. @return errno; ENOENT also when it is another's
int unlink_file(const std::string& path, const FileIdentity& file) noexcept;

}  // namespace royong::inline v0::os
