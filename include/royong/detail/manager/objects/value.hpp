// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedValue, ServedArray: what a ManagerValue and a ManagerArray stand for, in the server. Used by the server's one thread.
 */
#pragma once

#include <cstddef>     // for std::size_t
#include <cstdint>     // for std::int64_t
#include <deque>       // for std::deque
#include <functional>  // for std::invoke
#include <utility>     // for std::move
#include <vector>      // for std::vector

#include "royong/detail/manager/objects/errors.hpp"
#include "royong/detail/manager/objects/ordered_map.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/manager/slice.hpp"

namespace royong::inline v0::detail {

/// One value.
template <class T>
class ServedValue : public Served<ServedValue<T>> {
 public:
  static_assert(require_kept<T>());
  ServedValue() = default;
  explicit ServedValue(T value) : value_(std::move(value)) {}

  T get() const { return value_; }
  void set(T value) { value_ = std::move(value); }
  T exchange(T value) {
    std::swap(value, value_);
    return value;
  }
  template <class F, class... A>
  decltype(auto) update(F&& function, A&&... arguments) {
    return std::invoke(std::forward<F>(function), value_, std::forward<A>(arguments)...);
  }

  /// For snapshots.
  void save(Writer& out) const { out(value_); }
  void load(Reader& in) { in(value_); }

  using Keeping = OperationList<&ServedValue::set, &ServedValue::exchange>;
  using Operations = OperationList<&ServedValue::get, &ServedValue::set, &ServedValue::exchange>;

 private:
  T value_{};
};

/// Values whose number never changes. A deque, since a `std::vector<bool>` has no elements that could be referred to.
template <class T>
class ServedArray : public Served<ServedArray<T>> {
 public:
  static_assert(require_kept<T>());
  ServedArray() = default;
  explicit ServedArray(std::vector<T> values)
      : items_(std::make_move_iterator(values.begin()), std::make_move_iterator(values.end())) {}
  /// So many of `T{}`.
  explicit ServedArray(std::size_t size) : items_(checked(size)) {}

  std::size_t size() const noexcept { return items_.size(); }
  T get(std::int64_t index) const { return items_[at(index)]; }
  void set(std::int64_t index, T value) { items_[at(index)] = std::move(value); }
  std::vector<T> slice(const Slice& slice) const {
    const SlicePositions positions = resolve_slice(slice, items_.size());
    std::vector<T> values;
    values.reserve(positions.count);
    for (std::size_t i = 0; i < positions.count; ++i) values.push_back(items_[positions[i]]);
    return values;
  }
  /// As many values as positions. @throws UsageError
  void set_slice(const Slice& slice, std::vector<T> values) {
    const SlicePositions positions = resolve_slice(slice, items_.size());
    if (values.size() != positions.count) {
      throw_object_misuse("cannot assign to a slice of a ManagerArray: it has " +
                          std::to_string(positions.count) + " elements, not " +
                          std::to_string(values.size()));
    }
    for (std::size_t i = 0; i < positions.count; ++i) items_[positions[i]] = std::move(values[i]);
  }
  std::vector<T> copy() const { return {items_.begin(), items_.end()}; }

  template <class F, class... A>
  decltype(auto) update(std::int64_t index, F&& function, A&&... arguments) {
    return std::invoke(std::forward<F>(function), items_[at(index)], std::forward<A>(arguments)...);
  }

  /// For snapshots.
  void save(Writer& out) const { out(items_); }
  void load(Reader& in) { in(items_); }

  using Keeping = OperationList<&ServedArray::set, &ServedArray::set_slice>;
  using Operations =
      OperationList<&ServedArray::size, &ServedArray::get, &ServedArray::set, &ServedArray::slice,
                    &ServedArray::set_slice, &ServedArray::copy>;

 private:
  static std::size_t checked(std::size_t size) {
    require_memory(size, sizeof(T));
    return size;
  }
  std::size_t at(std::int64_t index) const {
    return resolve_index(index, items_.size(), "ManagerArray");
  }

  std::deque<T> items_;
};

}  // namespace royong::inline v0::detail
