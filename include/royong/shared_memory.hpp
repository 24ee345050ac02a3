// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief SharedMemory: bytes with a name, for programs that are not related.
 *
 *  Processes of one program share by Value and Array, which need no names. This is for the others, in whatever language: the segment `NAME` is POSIX shared
 *  memory, `shm_open("/NAME")` in C and `SharedMemory("NAME")` in Python.
 */
#pragma once

#include <concepts>     // for std::integral
#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::int64_t
#include <memory>       // for std::shared_ptr
#include <optional>     // for std::optional
#include <span>         // for std::span
#include <string>       // for std::string
#include <string_view>  // for std::string_view

#include "royong/detail/flat.hpp"
#include "royong/error.hpp"  // IWYU pragma: export

namespace royong::inline v0 {

namespace detail {
/// A segment in a message: its name, and which file had it.
struct SegmentTicket {
  std::string name;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};
}  // namespace detail

/// For SharedMemory::create.
struct SharedMemoryOptions {
  bool persist =
      false;  ///< the segment stays when its creator's program has ended, until somebody calls `unlink`
};

/** @brief A segment of shared memory with a name.
 *
 *  A handle: copies name the same segment and share one mapping, and it may be an argument, a result or a message, also to another program on this
 *  machine; it travels by name.
 *
 *  **Life.** A segment belongs to the program (the family of processes) of its creator. Its name goes with the first of: `unlink`, by anybody; the
 *  end of the family's last process, by whatever, all of them killed included. With `persist` only `unlink` ends it. Who has it open by then keeps what it has.
 *  A small process beside the program, the keeper, sees to that; it ends with the last file that it looks after. Only where it and every process of the family are
 *  killed in one stroke does a segment stay.
 *
 *  **Access.** The file is readable and writable for the creator's user alone. All its memory is taken from the system at `create`: a full system is an
 *  error there, and no signal later. A stranger who may open it may also truncate it, as any file: then an access beyond is SIGBUS.
 *
 *  **Errors.** See each member. A name is what a file name may be: 1 to 255 bytes, not `.` or `..`, no `/` and no zero; anything else is `UsageError`.
 *
 *  **Threads and processes.** As with plain memory: who writes while others read needs a lock, or `std::atomic_ref`. The members themselves may be called
 *  by any thread; `close` not while another uses `buf()`.
 *
 *  **If the peer dies.** The bytes keep what it had written. If it was about to create the segment, there is no segment, or a whole one.
 *
 *  Example: examples/shared_memory.cpp
 */
class ROYONG_API SharedMemory {
 public:
  /// No segment: to be assigned to.
  SharedMemory() noexcept = default;

  /** @brief Creates a segment that nobody has, zero-filled.
   *  @param size  in bytes
   *  @param name  of the segment; by default `royong-` and 16 digits that nobody can guess
   *  @param options  how long it lives
   *  @throws UsageError        a size below 1; a bad name; before `init`, unless it persists
   *  @throws std::system_error EEXIST: there is one of this name; ENOSPC, ENOMEM, EFBIG: the size cannot be had
   */
  template <std::integral Size>
  static SharedMemory create(Size size, std::optional<std::string_view> name = {},
                             SharedMemoryOptions options = {}) {
    return create_bytes(static_cast<std::int64_t>(size), name, options);
  }

  /** @brief Opens a segment that somebody has made. Needs no `init`.
   *  @throws UsageError        a bad name
   *  @throws std::system_error ENOENT: there is none; EACCES: it is another user's
   *  @throws TransferError     what has this name is no shared memory, or has no size
   */
  static SharedMemory open(std::string_view name);

  /// The bytes. @throws UsageError after `close`
  std::span<std::byte> buf() const;

  /// The bytes as a range of `T`, what is left over at the end aside. @throws UsageError after `close`
  template <class T>
  std::span<T> as() const {
    static_assert(detail::require_flat<T>());
    const auto bytes = buf();
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  /// Empty where there is no segment.
  const std::string& name() const noexcept;
  /// In bytes, as it was when it was created or opened; 0 where there is no segment.
  std::size_t size() const noexcept;
  /// Whether `close` was called in this process, or there is no segment.
  bool closed() const noexcept;

  /// Ends the access of this handle and its copies in this process; spans of it end too. Again: nothing.
  void close() const noexcept;

  /** @brief Takes the name away, whoever created the segment. Works after `close` too.
   *  @throws std::system_error ENOENT: it has been unlinked; another segment that has its name now stays
   *  @throws UsageError        there is no segment
   */
  void unlink() const;

  /// For the archive. @throws UsageError there is no segment. @throws TransferError the name is gone
  template <class Archive>
  void serialize(Archive& ar) {
    if constexpr (Archive::is_saving) {
      ar(ticket());
    } else {
      detail::SegmentTicket ticket;
      ar(ticket);
      *this = take(ticket);
    }
  }

 private:
  struct State;
  static SharedMemory create_bytes(std::int64_t size, std::optional<std::string_view> name,
                                   SharedMemoryOptions options);
  explicit SharedMemory(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  detail::SegmentTicket ticket() const;
  static SharedMemory take(const detail::SegmentTicket& ticket);

  friend class ShareableList;
  /// A descriptor of the segment's file, for locks; the caller owns it. @throws TransferError the name is gone
  int reopen() const;

  std::shared_ptr<const State> state_;
};

}  // namespace royong::inline v0
