// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The arena: one sparse, sealed memfd that every process of the family maps.
 *
 *  Everything in it is addressed by offset: the mapping's address differs from process to process.
 * It has no name in any file system: when the last process is gone, so is the memory.
 *
 *  Layout: header | process slots | module table | transit pins | object records | page table |
 * pages. The header carries a magic word, a layout version and the build-id of the program, checked
 * on attach.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t
#include <span>     // for std::span

#include "os/fd.hpp"

namespace royong::inline v0::memory {

using Offset = std::uint64_t;  ///< position in the arena; 0 (the header) means "none"

/** @brief Creates the arena of a new family. Nobody is a member yet: the caller reserves and claims
 * a slot.
 *
 *  Size: a power of two at least as large as the machine's memory, 64 GiB at the most, halved down
 * to 256 MiB where the system refuses (RLIMIT_AS); 256 MiB under valgrind. RLIMIT_FSIZE is looked at before the
 *  file is made, because exceeding it raises SIGXFSZ. Quota: half of the smaller of the machine's
 * memory and the control group's limit, or what the environment variable ROYONG_ARENA_QUOTA says
 * (bytes, or with suffix K, M, G); never more than the arena has pages for.
 *  @throws std::system_error even 256 MiB were refused
 *  @throws UsageError        there is one already, or ROYONG_ARENA_QUOTA is no such number
 */
void create_arena();

/** @brief Maps the arena that a parent handed down.
 *  @throws TransferError not an arena, another layout version, not sealed, lies about its size, or
 * made by another program: both build-ids are named
 */
void attach_arena(os::Fd fd);

/// Whether this process has an arena.
bool has_arena() noexcept;

/// Descriptor of the memfd (close-on-exec), for handing it down.
int arena_fd();

/// First byte of the mapping. @throws UsageError naming `init` when there is no arena
std::byte* arena_base();
std::size_t arena_size() noexcept;

/// Address of `offset`, checked to leave room for `size` bytes. @throws TransferError it does not,
/// or `offset` is 0
std::byte* at(Offset offset, std::size_t size);
/// Offset of an address inside the mapping.
Offset offset_of(const void* address) noexcept;

template <class T>
T& at(Offset offset) {
  return *reinterpret_cast<T*>(at(offset, sizeof(T)));
}

/// Fixed, zero-filled areas that floors above lay out themselves. Sizes are part of the layout
/// version.
enum class Region { modules, pins, exceptions, kept_files };
std::span<std::byte> region(Region which);

struct ArenaUsage {
  std::uint64_t used;   ///< bytes of the pages in use; what the quota limits
  std::uint64_t warm;   ///< bytes of free pages that may still be resident: at most 64 MiB and an
                        ///< eighth of the quota beside `used`
  std::uint64_t quota;  ///< bytes that may be in use
};
ArenaUsage arena_usage() noexcept;
/// For tests and `init`: changes the quota of the whole family. @throws UsageError for 0
void set_arena_quota(std::uint64_t bytes);

}  // namespace royong::inline v0::memory
