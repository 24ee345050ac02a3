// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedSet: what a ManagerSet stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <utility>  // for std::move
#include <vector>   // for std::vector

#include "royong/detail/manager/objects/errors.hpp"
#include "royong/detail/manager/objects/ordered_map.hpp"
#include "royong/detail/manager/served.hpp"

namespace royong::inline v0::detail {

/** @brief The set, in the order of insertion. Every member either does what it says or leaves the set as it was.
 *
 *  Other sets come as vectors, in which an element may stand more than once. Results are vectors without duplicates.
 */
template <class T>
class ServedSet : public Served<ServedSet<T>> {
 public:
  static_assert(require_kept<T>() && require_key<T>());
  ServedSet() = default;
  explicit ServedSet(std::vector<T> values) { become(std::move(values)); }

  /// @return whether it is new
  bool add(T value) { return elements_.insert(std::move(value)).second; }
  /// @return whether it was there
  bool discard(const T& value) { return elements_.erase(value); }
  void remove(const T& value) {
    if (!elements_.erase(value)) throw_no_key("remove from a ManagerSet", key_text(value));
  }
  T pop() {
    if (elements_.empty()) throw_nothing_there("pop from a ManagerSet");
    T value = elements_.front().first;
    elements_.erase(value);
    return value;
  }
  void clear() noexcept { elements_.clear(); }

  bool contains(const T& value) const { return elements_.find(value) != nullptr; }
  std::size_t size() const noexcept { return elements_.size(); }
  std::vector<T> copy() const {
    std::vector<T> values;
    values.reserve(size());
    for (const auto& element : elements_) values.push_back(element.first);
    return values;
  }

  std::vector<T> united(std::vector<T> others) const {
    std::vector<T> result = copy();
    for (T& value : ServedSet(std::move(others)).copy()) {
      if (!contains(value)) result.push_back(std::move(value));
    }
    return result;
  }
  std::vector<T> intersection(std::vector<T> others) const {
    return filtered(ServedSet(std::move(others)), true);
  }
  std::vector<T> difference(std::vector<T> others) const {
    return filtered(ServedSet(std::move(others)), false);
  }
  std::vector<T> symmetric_difference(std::vector<T> others) const {
    const ServedSet other(std::move(others));
    std::vector<T> result = filtered(other, false);
    for (T& value : other.filtered(*this, false)) result.push_back(std::move(value));
    return result;
  }

  void update(std::vector<T> others) { become(united(std::move(others))); }
  void intersection_update(std::vector<T> others) { become(intersection(std::move(others))); }
  void difference_update(std::vector<T> others) { become(difference(std::move(others))); }
  void symmetric_difference_update(std::vector<T> others) {
    become(symmetric_difference(std::move(others)));
  }

  bool issubset(std::vector<T> others) const {
    const ServedSet other(std::move(others));
    return size() <= other.size() && filtered(other, true).size() == size();
  }
  bool issuperset(const std::vector<T>& others) const {
    for (const T& value : others) {
      if (!contains(value)) return false;
    }
    return true;
  }
  bool isdisjoint(const std::vector<T>& others) const {
    for (const T& value : others) {
      if (contains(value)) return false;
    }
    return true;
  }

  /// For snapshots.
  void save(Writer& out) const { out(copy()); }
  void load(Reader& in) {
    std::vector<T> all;
    in(all);
    become(std::move(all));
  }

  using Keeping =
      OperationList<&ServedSet::add, &ServedSet::update, &ServedSet::symmetric_difference_update>;
  using Operations =
      OperationList<&ServedSet::add, &ServedSet::discard, &ServedSet::remove, &ServedSet::pop,
                    &ServedSet::clear, &ServedSet::contains, &ServedSet::size, &ServedSet::copy,
                    &ServedSet::united, &ServedSet::intersection, &ServedSet::difference,
                    &ServedSet::symmetric_difference, &ServedSet::update,
                    &ServedSet::intersection_update, &ServedSet::difference_update,
                    &ServedSet::symmetric_difference_update, &ServedSet::issubset,
                    &ServedSet::issuperset, &ServedSet::isdisjoint>;

 private:
  struct Nothing {};

  /// My elements that are, or are not, in another set.
  std::vector<T> filtered(const ServedSet& other, bool in_it) const {
    std::vector<T> result;
    for (const auto& element : elements_) {
      if (other.contains(element.first) == in_it) result.push_back(element.first);
    }
    return result;
  }
  /// Built aside: what throws in the middle changes nothing.
  void become(std::vector<T> values) {
    OrderedMap<T, Nothing> elements;
    for (T& value : values) elements.insert(std::move(value));
    elements_.swap(elements);
  }

  OrderedMap<T, Nothing> elements_;
};

}  // namespace royong::inline v0::detail
