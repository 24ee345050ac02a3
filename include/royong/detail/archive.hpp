// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Writer and Reader: values as bytes, and bytes as values that are believed only after a
 *  check.
 *
 *  The format is for processes of one program on one machine: native byte order and sizes, no tags.
 *  A count is one byte, or
 *  0xff and eight bytes. Nothing in the bytes is trusted: every count is compared with the bytes
 *  that are left *before*
 *  memory is asked for, nesting is limited, and whatever does not fit throws `TransferError` with
 *  its place.
 */
#pragma once

#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::uint32_t, SIZE_MAX
#include <cstring>      // for std::memcpy
#include <memory>       // for std::shared_ptr
#include <span>         // for std::span
#include <string_view>  // for std::string_view
#include <utility>      // for std::exchange
#include <vector>       // for std::vector

#include "royong/detail/layout.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::detail {

/// Writes a value. Every type that is `Transferable`, and C arrays of such.
template <class T>
void encode(Writer& out, const T& value);

/// Makes a value of the next bytes.
template <class T>
T decode(Reader& in);

/// Reads over a value that exists.
template <class T>
void decode_into(Reader& in, T& value);

/// No range in a message is aligned to this or more.
inline constexpr std::size_t max_alignment = 64;

/// Stands where a pin's number would, for a handle that is not pinned.
inline constexpr std::uint32_t no_pin = ~std::uint32_t{0};

/// How the objects behind handles stay alive while a message is on its way.
enum class Transit {
  /// The sender keeps references (`take_kept()`), because it learns when the receiver is done.
  argument,
  /// Nobody knows who reads: every handle is pinned in the arena until a reader has acquired it.
  message,
  /// The reader may be another program: handles and function pointers are refused.
  foreign,
  /// The reader may be on another machine, in the same program: handles are refused, but proxies of managers that can be reached from there are not. The sender keeps
  /// what they refer to (`take_held()`), because it learns when the receiver is done.
  call_abroad,
  /// Likewise, but nobody knows who reads, and when: their managers keep it for a while.
  result_abroad,
};

/** @brief A growing buffer that values are written to.
 *
 *  Small messages allocate nothing: the first bytes lie in the object. Used by one thread at a
 *  time.
 *
 *      Writer writer(Transit::message);
 *      writer(name, numbers);
 *      send(writer.bytes());
 *      writer.commit();
 */
class ROYONG_API Writer {
 public:
  /// For `serialize` functions that do different things for reading and writing.
  static constexpr bool is_loading = false;
  static constexpr bool is_saving = true;
  /// Deeper nesting than this is refused, as the reader's default limit would.
  static constexpr std::uint32_t max_depth = 512;

  explicit Writer(Transit transit = Transit::argument) noexcept : transit_(transit) {}
  /// Begins in `storage` (a free part of a ring, say), and moves to the heap only when that is
  /// full.
  Writer(Transit transit, std::span<std::byte> storage) noexcept
      : begin_(storage.data()),
        cursor_(begin_),
        end_(begin_ + storage.size()),
        borrowed_(begin_),
        transit_(transit) {}
  /// From how many bytes on a message is better written into an arena block.
  struct Large {
    std::size_t from;
  };
  /// What turns out to be larger lies in a block, where the arena has room: `take_block`.
  Writer(Transit transit, Large large) noexcept : transit_(transit), large_(large) {}
  /// Transit::message through a shared object, a queue, whose end drops the pins of what nobody
  /// took out.
  explicit Writer(const ObjectRef& carrier) noexcept;
  /// The same, beginning in `storage`.
  Writer(const ObjectRef& carrier, std::span<std::byte> storage) noexcept;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();

  /** @brief Writes the values one after the other. `T` may be a C array here, which `serialize`
   *  functions need.
   *  @throws TransferError  a variant without value, a handle without object, nested deeper than
   *    max_depth
   *  @throws ArenaFull      no pin is left (Transit::message)
   */
  template <class... T>
  Writer& operator()(const T&... values) {
    (encode(*this, values), ...);
    return *this;
  }

  std::span<const std::byte> bytes() const noexcept { return {begin_, size()}; }
  /// The block of this process that the message lies in, now the caller's; 0: it lies elsewhere. Of the writer nothing is left to be used.
  std::uint64_t take_block() noexcept;
  std::size_t size() const noexcept { return static_cast<std::size_t>(cursor_ - begin_); }

  /// Forgets what was written, keeps the memory. Pins that were not committed are dropped, kept
  /// references too.
  void clear() noexcept {
    if (!kept_.empty() || !pinned_.empty() || !held_.empty()) [[unlikely]]
      drop_objects();
    cursor_ = begin_;
    depth_ = 0;
  }

  /** @brief Transit::message: writes behind the message where its handles are, for a receiver that keeps it unread (`hold_handles`).
   *  @return whether it has any; if not, nothing is written
   */
  bool write_handle_list();

  /// Transit::argument: the references behind the handles written, for the sender to hold until the
  /// receiver is done.
  std::vector<ObjectRef> take_kept() noexcept { return std::exchange(kept_, {}); }
  /// Transit::call_abroad: what the sender has to hold likewise.
  std::vector<std::shared_ptr<const void>> take_held() noexcept { return std::exchange(held_, {}); }
  void hold(std::shared_ptr<const void> owner) { held_.push_back(std::move(owner)); }

  /// Transit::message: the bytes have been sent, so the pins belong to the message now. Without
  /// this call the destructor drops them.
  void commit() noexcept { pinned_.clear(); }
  /// Likewise, of the first so many pins only: of several messages that were written, some have been sent.
  void commit(std::size_t pins) noexcept {
    pinned_.erase(pinned_.begin(), pinned_.begin() + static_cast<std::ptrdiff_t>(pins));
  }
  /// Pins that were made and not committed.
  std::size_t pins() const noexcept { return pinned_.size(); }

  void write_raw(const void* data, std::size_t size) {
    std::byte* const room = extend(size);
    if (size != 0) std::memcpy(room, data, size);  // an empty range may have no address
  }
  /// Writes a range so that it is aligned if the message is; `Reader::skip_alignment` comes before
  /// it on the other side.
  void write_aligned(const void* data, std::size_t size, std::size_t alignment);

  /// Room for `size` bytes, to be filled by the caller.
  std::byte* extend(std::size_t size) {
    if (static_cast<std::size_t>(end_ - cursor_) < size) [[unlikely]]
      grow(size);
    return std::exchange(cursor_, cursor_ + size);
  }

  template <class T>
  void write_plain(const T& value) {
    std::memcpy(extend(sizeof value), &value, sizeof value);
  }
  void write_count(std::size_t count) {
    if (count < long_count) [[likely]] {
      *extend(1) = static_cast<std::byte>(count);
    } else {
      write_long_count(count);
    }
  }

  /// Writes a handle's object: its name, and its pin where that is wanted.
  void write_object(const ObjectRef& object);

  /// Counts a level of nesting while it lives. @throws TransferError too deep
  class Nested {
   public:
    explicit Nested(Writer& writer) : writer_(writer) {
      if (++writer.depth_ > max_depth) [[unlikely]]
        writer.fail_depth();
    }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { --writer_.depth_; }

   private:
    Writer& writer_;
  };

  /// Whether the reader may be another program.
  bool is_foreign() const noexcept { return transit_ == Transit::foreign; }
  /// Whether the reader may be on another machine, in the same program.
  bool is_abroad() const noexcept { return transit_ >= Transit::call_abroad; }
  /// Whether the sender will hold what it has to.
  bool is_held() const noexcept { return transit_ == Transit::call_abroad; }

  /// @throws TransferError with this text, and drops the pins
  [[noreturn]] void fail(std::string_view text);

  /// The first byte of a count of eight bytes.
  static constexpr std::size_t long_count = 0xff;

 private:
  struct Pinned {
    ObjectRef object;
    std::uint32_t pin;
    std::size_t position;  // of the handle in the message
  };

  void grow(std::size_t size);
  bool grow_in_arena(std::size_t capacity) noexcept;
  void move_to(std::byte* memory, std::size_t capacity) noexcept;
  void free_memory() noexcept;
  void write_long_count(std::size_t count);
  void drop_pins() noexcept;
  void drop_objects() noexcept;
  [[noreturn]] void fail_depth();

  alignas(16) std::byte inline_[256];  // not initialised: bytes() shows only what was written
  std::byte* begin_ = inline_;
  std::byte* cursor_ = inline_;
  std::byte* end_ = inline_ + sizeof inline_;
  std::byte* borrowed_ = inline_;  // memory that is not ours to free
  Transit transit_;
  std::uint32_t depth_ = 0;
  Large large_{SIZE_MAX};
  std::uint64_t block_ = 0;    // what `begin_` is the beginning of, when it is not 0
  std::uint64_t carrier_ = 0;  // memory::Owner of new pins; 0: this process
  std::vector<ObjectRef> kept_;
  std::vector<Pinned> pinned_;
  std::vector<std::shared_ptr<const void>> held_;
};

/** @brief Takes over the handles of a message that `Writer::write_handle_list` closed: they are held by the caller from now on, and no pin is
 *  needed any more. So a message that is never read leaves nothing behind, and one that is may be read more than once.
 *  @param message the message with the list; afterwards without it
 *  @return what to hold until the message has been read, or is dropped
 *  @throws TransferError it is not well-formed, or an object is gone
 */
ROYONG_API std::vector<ObjectRef> hold_handles(std::span<std::byte>& message);

/// What a message may cost its reader.
struct Limits {
  std::uint32_t depth = 512;  ///< levels of nesting
  std::size_t allocation =
      /// bytes of elements in containers; even without this limit they are bounded by the message's
      /// length
      SIZE_MAX;
  std::size_t empties = 1U << 24;  ///< elements that take no bytes at all (std::monostate)
  bool foreign = false;  ///< written by another program: handles and function pointers are refused
  /// The user's option that `allocation` comes from, for the error's text.
  std::string_view allocation_option{};
};

/** @brief Reads values from bytes that nobody vouches for.
 *
 *  Every function throws `TransferError`, naming what was expected and where, when the bytes do not
 *  say it. The bytes must
 *  outlive the reader, not the values. Used by one thread at a time.
 */
class ROYONG_API Reader {
 public:
  static constexpr bool is_loading = true;
  static constexpr bool is_saving = false;

  explicit Reader(std::span<const std::byte> bytes, Limits limits = {}) noexcept
      : begin_(bytes.data()), cursor_(begin_), end_(begin_ + bytes.size()), limits_(limits) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Reads into the values one after the other.
  template <class... T>
  Reader& operator()(T&... values) {
    (decode_into(*this, values), ...);
    return *this;
  }

  template <class T>
  T read() {
    if constexpr (require_transferable<T>()) {
      return decode<T>(*this);
    }
  }

  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }
  std::size_t position() const noexcept { return static_cast<std::size_t>(cursor_ - begin_); }
  /// The bytes not read yet.
  std::span<const std::byte> rest() const noexcept { return {cursor_, remaining()}; }

  /// @throws TransferError bytes are left
  void expect_end() const {
    if (cursor_ != end_) [[unlikely]]
      fail("end");
  }

  /// Takes the next `size` bytes.
  const std::byte* take(std::size_t size, std::string_view what) {
    if (remaining() < size) [[unlikely]]
      fail(what);
    return std::exchange(cursor_, cursor_ + size);
  }
  template <class T>
  void read_plain(T& value) {
    std::memcpy(&value, take(sizeof value, type_name<T>()), sizeof value);
  }

  /// A byte that is below `end`. Flags and indices are read with it.
  std::uint8_t read_below(unsigned end, std::string_view what) {
    const auto value = static_cast<std::uint8_t>(*take(1, what));
    if (value >= end) [[unlikely]]
      fail(what);
    return value;
  }

  /// A count as it was written, compared with nothing.
  std::size_t read_count(std::string_view what) {
    const auto first = static_cast<std::uint8_t>(*take(1, what));
    return first < Writer::long_count ? first : read_long_count(what);
  }

  /** @brief The number of elements of a container, of which each takes `MinSize` bytes at least and
   *  `memory` bytes of memory.
   *
   *  Bytes promised to elements of enclosing containers are not counted twice, so all containers of
   *  a message together hold no more elements
   *  than it has bytes.
   *  @throws TransferError the bytes are not there, or the elements need more than `Limits::allocation` leaves
   */
  template <std::size_t MinSize>
  std::size_t read_elements(std::size_t memory, std::string_view what) {
    const std::size_t count = read_count(what);
    if constexpr (MinSize > 0) {
      const std::size_t free = remaining() > promised_ ? remaining() - promised_ : 0;
      if (count > free / MinSize) [[unlikely]]
        fail_elements(count, what);
    }
    if (count > limits_.allocation / memory) [[unlikely]]
      fail_allocation(count, memory, what);
    limits_.allocation -= count * memory;
    return count;
  }

  /// Skips what `Writer::write_aligned` put before a range.
  void skip_alignment(std::string_view what) { take(read_below(max_alignment, what), what); }

  /// Keeps bytes for elements that are still to be read, and gives them free again one element at a
  /// time.
  void promise(std::size_t bytes) noexcept { promised_ += bytes; }
  void redeem(std::size_t bytes) noexcept { promised_ -= bytes; }

  /// Accounts for an element that took no bytes.
  void count_empty(std::string_view what) {
    if (limits_.empties == 0) [[unlikely]]
      fail_empties(what);
    --limits_.empties;
  }

  /// Whether the writer may be another program.
  bool is_foreign() const noexcept { return limits_.foreign; }

  /// The object of a handle.
  ObjectRef read_object(ObjectKind kind, std::uint64_t type_hash);

  class Nested {
   public:
    explicit Nested(Reader& reader) : reader_(reader) {
      if (reader.limits_.depth == 0) [[unlikely]]
        reader.fail_depth();
      --reader.limits_.depth;
    }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { ++reader_.limits_.depth; }

   private:
    Reader& reader_;
  };

  /// @throws TransferError always: "malformed message: no WHAT at byte N of M"
  [[noreturn]] void fail(std::string_view what) const;

 private:
  std::size_t read_long_count(std::string_view what);
  [[noreturn]] void fail_elements(std::size_t count, std::string_view what) const;
  [[noreturn]] void fail_allocation(std::size_t count, std::size_t memory,
                                    std::string_view what) const;
  [[noreturn]] void fail_empties(std::string_view what) const;
  [[noreturn]] void fail_because(std::string_view what, std::string_view reason) const;
  [[noreturn]] void fail_depth() const;

  const std::byte* begin_;
  const std::byte* cursor_;
  const std::byte* end_;
  std::size_t promised_ = 0;
  Limits limits_;
};

}  // namespace royong::inline v0::detail

#include "royong/detail/codec.hpp"  // the bodies of encode and decode, which need both classes
