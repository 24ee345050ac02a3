// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedList: what a ManagerList stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include <algorithm>    // for std::merge, std::find_if, std::count_if
#include <concepts>     // for std::equality_comparable
#include <cstddef>      // for std::size_t
#include <cstdint>      // for std::int64_t
#include <deque>        // for std::deque
#include <functional>   // for std::invoke
#include <iterator>     // for std::make_move_iterator
#include <numeric>      // for std::iota
#include <type_traits>  // for std::is_invocable_v
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/detail/manager/objects/errors.hpp"
#include "royong/detail/manager/objects/ordered_map.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/manager/slice.hpp"

namespace royong::inline v0::detail {

/** @brief The list. Every member either does what it says or leaves the list as it was.
 *
 *  A deque: a `std::vector<bool>` has no elements that could be referred to, and taking from the front is what work lists do.
 */
template <class T>
class ServedList : public Served<ServedList<T>> {
 public:
  static_assert(require_kept<T>());
  ServedList() = default;
  explicit ServedList(std::vector<T> values) { extend(std::move(values)); }

  void append(T value) { items_.push_back(std::move(value)); }
  void extend(std::vector<T> values) {
    items_.insert(items_.end(), std::make_move_iterator(values.begin()),
                  std::make_move_iterator(values.end()));
  }
  void insert(std::int64_t index, T value) {
    items_.insert(place(resolve_insertion(index, items_.size())), std::move(value));
  }
  T pop(std::int64_t index) {
    if (items_.empty()) throw_nothing_there("pop from a ManagerList");
    const auto it = place(resolve_index(index, items_.size(), "ManagerList"));
    T value = std::move(*it);
    items_.erase(it);
    return value;
  }
  void erase(std::int64_t index) {
    items_.erase(place(resolve_index(index, items_.size(), "ManagerList")));
  }
  void remove(const T& value) {
    const auto it = find(value);
    if (it == items_.end()) throw_no_value("remove from a ManagerList");
    items_.erase(it);
  }
  void clear() noexcept { items_.clear(); }

  T get(std::int64_t index) const {
    return items_[resolve_index(index, items_.size(), "ManagerList")];
  }
  void set(std::int64_t index, T value) {
    items_[resolve_index(index, items_.size(), "ManagerList")] = std::move(value);
  }

  std::vector<T> slice(const Slice& slice) const {
    const SlicePositions positions = resolve_slice(slice, items_.size());
    std::vector<T> values;
    values.reserve(positions.count);
    for (std::size_t i = 0; i < positions.count; ++i) values.push_back(items_[positions[i]]);
    return values;
  }
  /// With a step of 1 the list may grow or shrink; else there must be as many values as positions.
  void set_slice(const Slice& slice, std::vector<T> values) {
    const SlicePositions positions = resolve_slice(slice, items_.size());
    if (positions.step != 1) {
      if (values.size() != positions.count) {
        throw_object_misuse("cannot assign to a slice of a ManagerList: it has " +
                            std::to_string(positions.count) + " elements, not " +
                            std::to_string(values.size()));
      }
      for (std::size_t i = 0; i < positions.count; ++i) {
        items_[positions[i]] = std::move(values[i]);
      }
      return;
    }
    // Built aside: what throws in the middle changes nothing.
    const auto first = static_cast<std::size_t>(positions.first);
    std::deque<T> items;
    items.insert(items.end(), items_.begin(), place(first));
    items.insert(items.end(), std::make_move_iterator(values.begin()),
                 std::make_move_iterator(values.end()));
    items.insert(items.end(), place(first + positions.count), items_.end());
    items_.swap(items);
  }
  void erase_slice(const Slice& slice) {
    const SlicePositions positions = resolve_slice(slice, items_.size());
    if (positions.count == 0) return;
    std::vector<bool> goes(items_.size());
    for (std::size_t i = 0; i < positions.count; ++i) goes[positions[i]] = true;
    std::deque<T> items;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!goes[i]) items.push_back(items_[i]);
    }
    items_.swap(items);
  }

  std::size_t size() const noexcept { return items_.size(); }
  std::vector<T> copy() const { return {items_.begin(), items_.end()}; }

  /// Where the value is first found in the slice. @throws UsageError nowhere
  std::size_t index(const T& value, std::int64_t start, std::int64_t stop) const {
    const std::size_t end = resolve_insertion(stop, items_.size());
    for (std::size_t i = resolve_insertion(start, items_.size()); i < end; ++i) {
      if (equal(items_[i], value)) return i;
    }
    throw_no_value("find in a ManagerList");
  }
  std::size_t count(const T& value) const {
    return static_cast<std::size_t>(std::count_if(
        items_.begin(), items_.end(), [&](const T& item) { return equal(item, value); }));
  }
  bool contains(const T& value) const {
    return std::any_of(items_.begin(), items_.end(),
                       [&](const T& item) { return equal(item, value); });
  }

  void reverse() { std::reverse(items_.begin(), items_.end()); }
  /// Negative or zero: empty, as in Python.
  void repeat(std::int64_t times) {
    if (times <= 0 || items_.empty()) return clear();
    if (static_cast<std::uint64_t>(times) > items_.max_size() / items_.size()) {
      throw_object_misuse("cannot repeat a ManagerList: it would be too long");
    }
    Writer once;
    once(items_);
    require_memory(static_cast<std::size_t>(times), items_.size() * sizeof(T) + once.size());
    std::deque<T> items;
    for (std::int64_t i = 0; i < times; ++i) {
      items.insert(items.end(), items_.begin(), items_.end());
    }
    items_.swap(items);
  }
  void sort(bool reverse) {
    if constexpr (SortableKey<T>) {
      sort_by([](const T& a, const T& b) { return static_cast<bool>(a < b); }, reverse);
    } else {
      throw_object_misuse("cannot sort a ManagerList: its elements have no <");
    }
  }
  /** @brief Sorts, stably, by `less(a, b)`, or by `key(a)` compared with `<`.
   *
   *  Positions are sorted first and elements moved afterwards: a function that throws leaves the list as it was.
   *  @param reverse the other way round; equal elements stay in their order, as in Python
   */
  template <class F>
  void sort_by(F function, bool reverse) {
    std::vector<std::size_t> order(items_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto sort_order = [&](auto less) {
      merge_sort(order,
                 [&](std::size_t a, std::size_t b) { return reverse ? less(b, a) : less(a, b); });
    };
    if constexpr (std::is_invocable_v<F&, const T&, const T&>) {
      sort_order([&](std::size_t a, std::size_t b) {
        return static_cast<bool>(function(std::as_const(items_[a]), std::as_const(items_[b])));
      });
    } else {
      using Key = std::decay_t<std::invoke_result_t<F&, const T&>>;
      std::deque<Key> keys;
      for (const T& item : items_) keys.push_back(function(item));
      sort_order(
          [&](std::size_t a, std::size_t b) { return static_cast<bool>(keys[a] < keys[b]); });
    }
    std::deque<T> sorted;
    for (const std::size_t i : order) sorted.push_back(std::move_if_noexcept(items_[i]));
    items_.swap(sorted);
  }

  /// Calls `function(T&, arguments...)` on an element.
  template <class F, class... A>
  decltype(auto) update(std::int64_t index, F&& function, A&&... arguments) {
    return std::invoke(std::forward<F>(function),
                       items_[resolve_index(index, items_.size(), "ManagerList")],
                       std::forward<A>(arguments)...);
  }

  /// For snapshots.
  void save(Writer& out) const { out(items_); }
  void load(Reader& in) { in(items_); }

  using Keeping = OperationList<&ServedList::append, &ServedList::extend, &ServedList::insert,
                                &ServedList::set, &ServedList::set_slice, &ServedList::repeat>;
  using Operations =
      OperationList<&ServedList::append, &ServedList::extend, &ServedList::insert, &ServedList::pop,
                    &ServedList::erase, &ServedList::remove, &ServedList::clear, &ServedList::get,
                    &ServedList::set, &ServedList::slice, &ServedList::set_slice,
                    &ServedList::erase_slice, &ServedList::size, &ServedList::copy,
                    &ServedList::index, &ServedList::count, &ServedList::contains,
                    &ServedList::reverse, &ServedList::repeat, &ServedList::sort>;

 private:
  auto place(std::size_t position) {
    return items_.begin() + static_cast<typename std::deque<T>::difference_type>(position);
  }
  auto find(const T& value) {
    return std::find_if(items_.begin(), items_.end(),
                        [&](const T& item) { return equal(item, value); });
  }
  /// Stable, and within its bounds whatever a user's comparison says: the server outlives a wrong one.
  template <class Less>
  static void merge_sort(std::vector<std::size_t>& order, Less less) {
    std::vector<std::size_t> merged(order.size());
    for (std::size_t width = 1; width < order.size(); width *= 2) {
      for (std::size_t begin = 0; begin < order.size(); begin += 2 * width) {
        const auto at = [&](std::size_t place) {
          return order.begin() + static_cast<std::ptrdiff_t>(std::min(place, order.size()));
        };
        std::merge(at(begin), at(begin + width), at(begin + width), at(begin + 2 * width),
                   merged.begin() + static_cast<std::ptrdiff_t>(begin), less);
      }
      order.swap(merged);
    }
  }

  static bool equal(const T& a, const T& b) {
    if constexpr (requires { static_cast<bool>(a == b); }) {
      return static_cast<bool>(a == b);
    } else {
      throw_object_misuse("cannot search a ManagerList: its elements have no ==");
    }
  }

  std::deque<T> items_;
};

}  // namespace royong::inline v0::detail
