// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Anonymous shared memory: memfd, its seals, its mapping and its holes.
 */
#pragma once

#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t

#include "os/fd.hpp"

namespace royong::inline v0::os {

/// A memory file, close-on-exec, that may be sealed and (where the kernel knows how, since 6.3)
/// never be executed.
/// @throws std::system_error
Fd create_memfd(const char* name);

/// @throws std::system_error. The caller has looked at RLIMIT_FSIZE: beyond it the kernel kills
/// with SIGXFSZ
void resize(int fd, std::uint64_t bytes);
std::uint64_t file_size(int fd);

/// Fixes the size of a memory file for ever. @throws std::system_error
void seal_size(int fd);
/// Whether the size is fixed for ever; false for what cannot be sealed.
bool size_is_sealed(int fd) noexcept;

/// Maps the whole file for reading and writing. @throws std::system_error
std::byte* map_shared(int fd, std::uint64_t bytes);
void unmap(std::byte* where, std::uint64_t bytes) noexcept;
/// A hint: false where the kernel does not take it.
bool advise(std::byte* where, std::uint64_t bytes, int advice) noexcept;

/// Gives the memory of a range back to the system; it reads as zero afterwards. False where the
/// kernel refuses.
bool punch_hole(int fd, std::uint64_t offset, std::uint64_t bytes) noexcept;

/// Part of a file.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
/// The first part between `begin` and `end` that the system has memory for; all else reads as zero. Empty: there is none.
/// Where the kernel cannot tell, it is all.
Extent find_data(int fd, std::uint64_t begin, std::uint64_t end) noexcept;

/// Reads exactly `bytes` at `offset`; false at the end of the file. @throws std::system_error
bool read_at(int fd, void* out, std::size_t bytes, std::uint64_t offset);

}  // namespace royong::inline v0::os
