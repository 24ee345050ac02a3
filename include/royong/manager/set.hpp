// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerSet: a set in a manager's server.
 */
#pragma once

#include <algorithm>         // for std::ranges::all_of
#include <cstddef>           // for std::size_t
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::default_sentinel_t
#include <set>               // for std::set
#include <type_traits>       // for std::conditional_t
#include <unordered_set>     // for std::unordered_set
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/set.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/proxy_base.hpp"

namespace royong::inline v0 {

namespace detail {
template <class T, bool sorted = SortableKey<T>>
struct PlainSet {
  using type = std::unordered_set<T>;
};
template <class T>
struct PlainSet<T, true> {
  using type = std::set<T>;
};
}  // namespace detail

/** @brief A set that lives in a manager's server, for any number of processes: made by `Manager::set<T>()`.
 *
 *      const auto seen = manager.set<std::string>();
 *      if (seen.add(url)) visit(url);                      // only the first process that adds it
 *
 *  A proxy: a value whose copies refer to the one set. It may be an argument, a message, a result, or an element of another object of the manager. `T` is transferable and copyable, and has
 *  `std::hash` and `==`, or `<`.
 *
 *  The other side of an operation is any range of elements, or another ManagerSet: of that a snapshot is taken first. Results are sets of this process. `|`, `&`, `-`, `^` and their
 *  assignments do what they do in Python.
 *
 *  Each member is atomic. **Errors, threads and processes, if the peer dies:** as ManagerDict.
 *
 *  Example: examples/manager_set.cpp
 */
template <class T>
class ManagerSet : public detail::ProxyOf<detail::ServedSet<T>> {
  using Object = detail::ServedSet<T>;

 public:
  using value_type = T;
  /// `std::set`, or `std::unordered_set` where an element has no `<`.
  using Plain = typename detail::PlainSet<T>::type;

  using detail::ProxyOf<Object>::ProxyOf;

  /// @return whether the element is new
  bool add(const T& value) const { return this->template invoke<&Object::add>(value); }
  /// @return whether the element was there
  bool discard(const T& value) const { return this->template invoke<&Object::discard>(value); }
  /// @throws std::out_of_range the element is not there
  void remove(const T& value) const { this->template invoke<&Object::remove>(value); }
  /// Takes any element out. @throws std::out_of_range the set is empty
  T pop() const { return this->template invoke<&Object::pop>(); }
  void clear() const { this->template invoke<&Object::clear>(); }

  bool contains(const T& value) const { return this->template invoke<&Object::contains>(value); }
  std::size_t size() const { return this->template invoke<&Object::size>(); }
  bool empty() const { return size() == 0; }
  /// All elements.
  Plain copy() const { return plain(elements()); }

  /// What is in this set or in the other. (`union` is a word of C++.)
  template <detail::RangeOf<T> R>
  Plain union_with(const R& other) const {
    return plain(this->template invoke<&Object::united>(gather(other)));
  }
  /// What is in both.
  template <detail::RangeOf<T> R>
  Plain intersection(const R& other) const {
    return plain(this->template invoke<&Object::intersection>(gather(other)));
  }
  /// What is in this set and not in the other.
  template <detail::RangeOf<T> R>
  Plain difference(const R& other) const {
    return plain(this->template invoke<&Object::difference>(gather(other)));
  }
  /// What is in exactly one of both.
  template <detail::RangeOf<T> R>
  Plain symmetric_difference(const R& other) const {
    return plain(this->template invoke<&Object::symmetric_difference>(gather(other)));
  }

  /// Adds what is in the other.
  template <detail::RangeOf<T> R>
  void update(const R& other) const {
    this->template invoke<&Object::update>(gather(other));
  }
  /// Drops what is not in the other.
  template <detail::RangeOf<T> R>
  void intersection_update(const R& other) const {
    this->template invoke<&Object::intersection_update>(gather(other));
  }
  /// Drops what is in the other.
  template <detail::RangeOf<T> R>
  void difference_update(const R& other) const {
    this->template invoke<&Object::difference_update>(gather(other));
  }
  /// Drops what is in both, adds what is in the other alone.
  template <detail::RangeOf<T> R>
  void symmetric_difference_update(const R& other) const {
    this->template invoke<&Object::symmetric_difference_update>(gather(other));
  }

  /// Whether all elements of this set are in the other.
  template <detail::RangeOf<T> R>
  bool issubset(const R& other) const {
    return this->template invoke<&Object::issubset>(gather(other));
  }
  /// Whether all elements of the other are in this set.
  template <detail::RangeOf<T> R>
  bool issuperset(const R& other) const {
    return this->template invoke<&Object::issuperset>(gather(other));
  }
  /// Whether no element is in both.
  template <detail::RangeOf<T> R>
  bool isdisjoint(const R& other) const {
    return this->template invoke<&Object::isdisjoint>(gather(other));
  }

  // The same for a list in braces.
  Plain union_with(std::initializer_list<T> other) const { return union_with(listed(other)); }
  Plain intersection(std::initializer_list<T> other) const { return intersection(listed(other)); }
  Plain difference(std::initializer_list<T> other) const { return difference(listed(other)); }
  Plain symmetric_difference(std::initializer_list<T> other) const {
    return symmetric_difference(listed(other));
  }
  void update(std::initializer_list<T> other) const { update(listed(other)); }
  void intersection_update(std::initializer_list<T> other) const {
    intersection_update(listed(other));
  }
  void difference_update(std::initializer_list<T> other) const { difference_update(listed(other)); }
  void symmetric_difference_update(std::initializer_list<T> other) const {
    symmetric_difference_update(listed(other));
  }
  bool issubset(std::initializer_list<T> other) const { return issubset(listed(other)); }
  bool issuperset(std::initializer_list<T> other) const { return issuperset(listed(other)); }
  bool isdisjoint(std::initializer_list<T> other) const { return isdisjoint(listed(other)); }

  template <detail::RangeOf<T> R>
  friend Plain operator|(const ManagerSet& set, const R& other) {
    return set.union_with(other);
  }
  template <detail::RangeOf<T> R>
  friend Plain operator&(const ManagerSet& set, const R& other) {
    return set.intersection(other);
  }
  template <detail::RangeOf<T> R>
  friend Plain operator-(const ManagerSet& set, const R& other) {
    return set.difference(other);
  }
  template <detail::RangeOf<T> R>
  friend Plain operator^(const ManagerSet& set, const R& other) {
    return set.symmetric_difference(other);
  }
  template <detail::RangeOf<T> R>
  const ManagerSet& operator|=(const R& other) const {
    update(other);
    return *this;
  }
  template <detail::RangeOf<T> R>
  const ManagerSet& operator&=(const R& other) const {
    intersection_update(other);
    return *this;
  }
  template <detail::RangeOf<T> R>
  const ManagerSet& operator-=(const R& other) const {
    difference_update(other);
    return *this;
  }
  template <detail::RangeOf<T> R>
  const ManagerSet& operator^=(const R& other) const {
    symmetric_difference_update(other);
    return *this;
  }

  /// As `issubset` and `issuperset`; `<` and `>` of sets that are not equal.
  template <detail::RangeOf<T> R>
  friend bool operator<=(const ManagerSet& set, const R& other) {
    return set.issubset(other);
  }
  template <detail::RangeOf<T> R>
  friend bool operator>=(const ManagerSet& set, const R& other) {
    return set.issuperset(other);
  }
  template <detail::RangeOf<T> R>
  friend bool operator<(const ManagerSet& set, const R& other) {
    const Plain mine = set.copy(), theirs = plain(gather(other));
    return mine.size() < theirs.size() &&
           std::ranges::all_of(mine, [&](const T& value) { return theirs.contains(value); });
  }
  template <detail::RangeOf<T> R>
  friend bool operator>(const ManagerSet& set, const R& other) {
    const Plain mine = set.copy(), theirs = plain(gather(other));
    return mine.size() > theirs.size() &&
           std::ranges::all_of(theirs, [&](const T& value) { return mine.contains(value); });
  }

  /// Runs over a snapshot, in the order of insertion: `for (auto& value : set)`.
  detail::SnapshotIterator<T> begin() const { return detail::SnapshotIterator<T>(elements()); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::vector<T> elements() const { return this->template invoke<&Object::copy>(); }

  template <class R>
  static std::vector<T> gather(const R& other) {
    if constexpr (std::is_same_v<R, ManagerSet>) {
      return other.elements();
    } else {
      return detail::collect<T>(other);
    }
  }
  static std::vector<T> listed(std::initializer_list<T> other) { return other; }
  static Plain plain(std::vector<T> elements) {
    return Plain(std::make_move_iterator(elements.begin()),
                 std::make_move_iterator(elements.end()));
  }
};

}  // namespace royong::inline v0
