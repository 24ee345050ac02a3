// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ShareableList: a short list of mixed values in named shared memory.
 */
#pragma once

#include <concepts>     // for std::convertible_to
#include <cstddef>      // for std::byte, std::nullptr_t
#include <cstdint>      // for std::int64_t
#include <limits>       // for std::numeric_limits
#include <memory>       // for std::shared_ptr
#include <optional>     // for std::optional
#include <ranges>       // for std::ranges::contiguous_range
#include <span>         // for std::span
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <type_traits>  // for std::is_same_v
#include <utility>      // for std::move, std::in_range
#include <variant>      // for std::variant
#include <vector>       // for std::vector

#include "royong/shared_memory.hpp"

namespace royong::inline v0 {

/// What an item of a ShareableList is: nothing, a truth value, a number, a text, or bytes.
using ShareableItem =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::byte>>;

namespace detail {

template <class V>
concept ShareableBytes =
    std::ranges::contiguous_range<const V&> &&
    std::is_same_v<std::remove_cv_t<std::ranges::range_value_t<const V&>>, std::byte>;

template <class V>
concept ShareableValue = std::is_same_v<V, ShareableItem> || std::is_same_v<V, std::monostate> ||
                         std::is_same_v<V, std::nullptr_t> || std::is_arithmetic_v<V> ||
                         std::convertible_to<const V&, std::string_view> || ShareableBytes<V>;

[[noreturn]] ROYONG_API void throw_number_too_large();

/// A value as the item that it becomes. @throws UsageError a number beyond 63 bits
template <ShareableValue V>
ShareableItem to_item(const V& value) {
  if constexpr (std::is_same_v<V, ShareableItem>) {
    return value;
  } else if constexpr (std::is_same_v<V, std::monostate> || std::is_same_v<V, std::nullptr_t>) {
    return std::monostate{};
  } else if constexpr (std::is_same_v<V, bool>) {
    return value;
  } else if constexpr (std::is_integral_v<V>) {
    if constexpr (std::is_unsigned_v<V> && sizeof(V) >= sizeof(std::int64_t)) {
      if (value > static_cast<V>(std::numeric_limits<std::int64_t>::max()))
        throw_number_too_large();
    }
    return static_cast<std::int64_t>(value);
  } else if constexpr (std::is_floating_point_v<V>) {
    return static_cast<double>(value);
  } else if constexpr (std::convertible_to<const V&, std::string_view>) {
    return std::string(std::string_view(value));
  } else {
    return std::vector<std::byte>(std::ranges::begin(value), std::ranges::end(value));
  }
}

}  // namespace detail

class ShareableList;

/** @brief One item of a ShareableList, as `list[i]` gives it: the value that was read, and a way to replace the item.
 *
 *  It is a variant: `std::get<std::string>(list[0])`, `std::holds_alternative`, `std::visit`, and `ShareableItem x = list[0]`. What it holds stays as it
 *  was read; `list[i]` reads again. Assigning replaces the item in the list, for all who see it. Assign while the list's handle lives that it came from.
 *
 *  **Errors.** After `close` of the list every access is `UsageError`. Others are named at the members; the item is as it was then.
 *
 *  **Threads and processes.** As the list's members: by any thread of any process at any time, unrelated programs included.
 *
 *  **If the peer dies.** A process that dies in an assignment has replaced the item, or has not; nobody reads half of one, and nobody is kept waiting.
 *
 *  Example: examples/shareable_list.cpp
 */
class ROYONG_API ShareableItemRef : public ShareableItem {
 public:
  /// The same value, of the same item.
  ShareableItemRef(const ShareableItemRef&) = default;

  /// The value as one of the types of ShareableItem. @throws std::bad_variant_access it is of another type
  template <class T>
  const T& get() const& {
    return std::get<T>(*this);
  }
  template <class T>
  T get() && {
    return std::get<T>(std::move(*this));
  }

  /** @brief Replaces the item, by one of any type that fits its place.
   *  @throws UsageError it "exceeds available storage": see ShareableList::capacity. The item is as it was.
   */
  void store(const ShareableItem& item);
  /// Replaces the item by a truth value, a number, a text, bytes, or `nullptr` for nothing. @throws UsageError as `store`; a number beyond 63 bits
  template <detail::ShareableValue V>
  ShareableItemRef& operator=(const V& value) {
    store(detail::to_item(value));
    return *this;
  }
  /// Replaces the item by the value of another. @throws UsageError as `store`
  ShareableItemRef& operator=(const ShareableItemRef& other) {
    store(other);
    return *this;
  }

  /// Whether the value has this type and is equal: the number 1 is neither `true` nor 1.0.
  template <detail::ShareableValue V>
  friend bool operator==(const ShareableItemRef& item, const V& value) {
    return static_cast<const ShareableItem&>(item) == detail::to_item(value);
  }

 private:
  friend class ShareableList;
  ShareableItemRef(const ShareableList& list, std::size_t index, ShareableItem value)
      : ShareableItem(std::move(value)), list_(list), index_(index) {}
  const ShareableList& list_;
  std::size_t index_;
};

/** @brief A list of fixed length in shared memory with a name; each item may change, within the room that its first value was given.
 *
 *  Python's `ShareableList`, for C++ programs: texts and bytes come back exactly as they were stored, zeros at their end included, which Python's
 *  lose; so the bytes in memory are not Python's. The room of a text or of bytes is its length rounded up to the next multiple of 8 (8 becomes 16),
 *  that of all else 8 bytes; every number fits every item. Everything else about the segment (names, life, `persist`, other users) is as with SharedMemory.
 *
 *      const ShareableList list("ready", 42, 0.5, true, nullptr);
 *      list[1] = "set";
 *      list[-1] = 7;                            // as in Python: the last
 *
 *  A handle, which travels by name.
 *
 *  **Errors.** An index beyond the list is `std::out_of_range`. After `close` every access to an item is `UsageError`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process, of any program, at any time. Reading an item takes no lock and never
 *  sees half of a write. Writers of one item take turns by a lock on the segment's file, which the kernel releases when its holder dies.
 *
 *  **If the peer dies.** Each item is the old one or the new one: a write fills a second place, and one store of eight bytes makes that the item's.
 *
 *  **What strangers wrote** is believed only after a check: a segment that is no list, or a damaged one, is `TransferError`.
 *
 *  Example: examples/shareable_list.cpp
 */
class ROYONG_API ShareableList {
 public:
  using Item = ShareableItem;

  /// No list: to be assigned to. An empty one is `ShareableList::create({})`.
  ShareableList() noexcept = default;

  /// Creates a list of these values, under a generated name. @throws as `create`
  template <detail::ShareableValue First, detail::ShareableValue... Rest>
  explicit ShareableList(const First& first, const Rest&... rest)
      : ShareableList(create({detail::to_item(first), detail::to_item(rest)...})) {}

  /// @throws UsageError as SharedMemory::create @throws std::system_error likewise
  static ShareableList create(const std::vector<Item>& items,
                              std::optional<std::string_view> name = {},
                              SharedMemoryOptions options = {});
  /// @throws UsageError as SharedMemory::open @throws std::system_error likewise @throws TransferError the segment is no list
  static ShareableList open(std::string_view name);

  /// Reads the item, which may be assigned to; a negative index counts from the end. @throws std::out_of_range there is no such item; UsageError the list is closed
  ShareableItemRef operator[](std::int64_t index) const;
  /// How many items. @throws UsageError there is no list
  std::size_t size() const;
  /// All items. Each is whole; they may be of different moments.
  std::vector<Item> items() const;

  /// How many items equal the value, and have its type: 1, 1.0 and true are three different items.
  template <detail::ShareableValue V>
  std::size_t count(const V& value) const {
    return count_item(detail::to_item(value));
  }
  /// Where the first item is that equals the value and has its type. @throws UsageError there is none
  template <detail::ShareableValue V>
  std::size_t index(const V& value) const {
    return index_of_item(detail::to_item(value));
  }
  /// Bytes that a text or bytes in this place may have; a negative index counts from the end. @throws std::out_of_range
  std::size_t capacity(std::int64_t index) const;

  /// The name for `open`. @throws UsageError there is no list
  const std::string& name() const { return shm().name(); }
  /// The segment: `close`, `unlink`. @throws UsageError there is no list
  const SharedMemory& shm() const;

  /// For the archive. As SharedMemory's; also @throws TransferError the segment is no list
  template <class Archive>
  void serialize(Archive& ar) {
    if constexpr (Archive::is_saving) {
      ar(shm());
    } else {
      SharedMemory segment;
      ar(segment);
      *this = on(std::move(segment));
    }
  }

 private:
  friend class ShareableItemRef;
  struct State;
  explicit ShareableList(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  static ShareableList on(SharedMemory segment);
  std::size_t count_item(const Item& item) const;
  std::size_t index_of_item(const Item& item) const;
  const State& state() const;

  std::shared_ptr<const State> state_;
};

}  // namespace royong::inline v0
