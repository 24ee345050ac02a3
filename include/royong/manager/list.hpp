// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerList: a list in a manager's server.
 */
#pragma once

#include <cstddef>           // for std::size_t
#include <cstdint>           // for std::int64_t
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::default_sentinel_t
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/list.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/manager/slice.hpp"

namespace royong::inline v0 {

namespace detail {

/// What `ManagerList::update(i, f)` sends.
template <class T, class F>
struct UpdateItem {
  F function;
  template <class... A>
  decltype(auto) operator()(ServedList<T>& list, std::int64_t index, A&&... arguments) {
    return list.update(index, function, std::forward<A>(arguments)...);
  }
};

/// What `ManagerList::sort(f)` sends.
template <class T, class F>
struct SortItems {
  F function;
  void operator()(ServedList<T>& list, bool reverse) { list.sort_by(function, reverse); }
};

}  // namespace detail

/** @brief A list that lives in a manager's server, for any number of processes: made by `Manager::list<T>()`.
 *
 *      const auto steps = manager.list<std::string>();
 *      steps.append("mix");
 *      steps += {"knead", "bake"};
 *      steps[-1] = "eat";                                  // the last, as in Python
 *      for (auto& step : steps) std::cout << step << "\n";
 *
 *  A proxy: a value whose copies refer to the one list. It may be an argument, a message, a result, or an element of another object of the manager. `T` is transferable and copyable.
 *  An element that is given out is a copy: changing it changes nothing in the server. Use `update` for that, or let the elements be proxies.
 *
 *  Negative indexes count from the end. Each member is atomic, and `l[i]` is one reading or one assignment. Between two calls other processes may change the list, so an index
 *  may be another element's by then.
 *
 *  **Errors.** As ManagerDict's. An index outside the list is `std::out_of_range`; a value that is looked for and is not there is `UsageError`.
 *
 *  **Threads and processes, if the peer dies:** as ManagerDict.
 *
 *  Example: examples/manager_list.cpp
 */
template <class T>
class ManagerList : public detail::ProxyOf<detail::ServedList<T>> {
  using Object = detail::ServedList<T>;

 public:
  using value_type = T;

  using detail::ProxyOf<Object>::ProxyOf;

  void append(const T& value) const { this->template invoke<&Object::append>(value); }
  /// Appends all elements of a range: one call, and atomic as a whole.
  template <detail::RangeOf<T> R>
  void extend(R&& values) const {
    this->template invoke<&Object::extend>(detail::collect<T>(std::forward<R>(values)));
  }
  void extend(std::initializer_list<T> values) const {
    this->template invoke<&Object::extend>(std::vector<T>(values));
  }
  template <detail::RangeOf<T> R>
  const ManagerList& operator+=(R&& values) const {
    extend(std::forward<R>(values));
    return *this;
  }
  const ManagerList& operator+=(std::initializer_list<T> values) const {
    extend(values);
    return *this;
  }
  /// Repeats the list so many times; none for 0 and less.
  const ManagerList& operator*=(std::int64_t times) const {
    this->template invoke<&Object::repeat>(times);
    return *this;
  }
  /// A vector of this process: the list, and behind it the elements of a range.
  template <detail::RangeOf<T> R>
  friend std::vector<T> operator+(const ManagerList& list, R&& values) {
    std::vector<T> all = list.copy();
    for (auto&& value : values) all.push_back(static_cast<T>(value));
    return all;
  }
  /// A vector of this process: the list so many times.
  friend std::vector<T> operator*(const ManagerList& list, std::int64_t times) {
    const std::vector<T> once = list.copy();
    std::vector<T> all;
    for (std::int64_t i = 0; i < times; ++i) all.insert(all.end(), once.begin(), once.end());
    return all;
  }
  /// Inserts before the index, which never lies outside: -1000 is the beginning, 1000 the end.
  void insert(std::int64_t index, const T& value) const {
    this->template invoke<&Object::insert>(index, value);
  }

  /// The element. @throws std::out_of_range
  T get(std::int64_t index) const { return this->template invoke<&Object::get>(index); }
  /// As `get`.
  T at(std::int64_t index) const { return get(index); }
  /// Replaces an element. @throws std::out_of_range
  void set(std::int64_t index, const T& value) const {
    this->template invoke<&Object::set>(index, value);
  }
  /// Takes an element out, the last one if none is named. @throws std::out_of_range there is none
  T pop(std::int64_t index = -1) const { return this->template invoke<&Object::pop>(index); }
  /// Drops an element: Python's `del l[i]`. @throws std::out_of_range
  void erase(std::int64_t index) const { this->template invoke<&Object::erase>(index); }
  /// Drops the first element that equals the value. @throws UsageError there is none
  void remove(const T& value) const { this->template invoke<&Object::remove>(value); }
  void clear() const { this->template invoke<&Object::clear>(); }

  /// Where the value is first found from `start` on and before `stop`. @throws UsageError nowhere
  std::size_t index(const T& value, std::int64_t start = 0, std::int64_t stop = INT64_MAX) const {
    return this->template invoke<&Object::index>(value, start, stop);
  }
  std::size_t count(const T& value) const { return this->template invoke<&Object::count>(value); }
  bool contains(const T& value) const { return this->template invoke<&Object::contains>(value); }

  void reverse() const { this->template invoke<&Object::reverse>(); }
  /// Sorts by `<`, stably. @param reverse the other way round; equal elements stay in their order
  void sort(bool reverse = false) const { this->template invoke<&Object::sort>(reverse); }
  /** @brief Sorts, stably, by `f(a, b)`, whether a comes before b; or by `f(a)`, a key that has `<`. `f` runs in the server.
   *
   *  `f` travels as a task does: no capturing lambda. If it throws, the list is as it was.
   *  @throws UsageError the server is another program; what `f` throws
   */
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, bool>)
  void sort(const F& f, bool reverse = false) const {
    if constexpr (detail::require_transferable<std::decay_t<const F>>()) {
      this->invoke_function(detail::SortItems<T, std::decay_t<const F>>{f}, reverse);
    }
  }

  /// The elements of a slice: `l.slice({1, 3})`.
  std::vector<T> slice(const Slice& slice) const {
    return this->template invoke<&Object::slice>(slice);
  }
  /** @brief Replaces a slice by the elements of a range; with a step of 1 by any number of them.
   *  @throws UsageError with another step: there are not as many as positions
   */
  template <detail::RangeOf<T> R>
  void set_slice(const Slice& slice, R&& values) const {
    this->template invoke<&Object::set_slice>(slice, detail::collect<T>(std::forward<R>(values)));
  }
  void set_slice(const Slice& slice, std::initializer_list<T> values) const {
    this->template invoke<&Object::set_slice>(slice, std::vector<T>(values));
  }
  /// Drops the elements of a slice.
  void erase_slice(const Slice& slice) const { this->template invoke<&Object::erase_slice>(slice); }

  /// Runs `f(T&, arguments...)` in the server on an element: as ManagerDict::update. @throws std::out_of_range
  template <class F, class... A>
  auto update(std::int64_t index, const F& f, A&&... arguments) const {
    if constexpr (detail::require_transferable<std::decay_t<const F>>()) {
      return this->invoke_function(detail::UpdateItem<T, std::decay_t<const F>>{f}, index,
                                   std::forward<A>(arguments)...);
    }
  }

  std::size_t size() const { return this->template invoke<&Object::size>(); }
  bool empty() const { return size() == 0; }
  /// All elements.
  std::vector<T> copy() const { return this->template invoke<&Object::copy>(); }

  /// `l[i]`: stands for an element. Reading it is `get`, assigning to it is `set`.
  class Element {
   public:
    // NOLINTNEXTLINE(google-explicit-constructor): it stands for the element.
    operator T() const { return list_.get(index_); }
    const Element& operator=(const T& value) const {
      list_.set(index_, value);
      return *this;
    }
    const Element& operator=(const Element& other) const { return *this = static_cast<T>(other); }
    Element(const Element&) = default;
    friend bool operator==(const Element& element, const T& value) {
      return static_cast<T>(element) == value;
    }

   private:
    friend class ManagerList;
    Element(ManagerList list, std::int64_t index) : list_(std::move(list)), index_(index) {}
    ManagerList list_;
    std::int64_t index_;
  };
  /// Nothing happens before it is read or assigned to.
  Element operator[](std::int64_t index) const { return Element(*this, index); }

  /// Runs over a snapshot: `for (auto& value : list)`.
  detail::SnapshotIterator<T> begin() const { return detail::SnapshotIterator<T>(copy()); }
  std::default_sentinel_t end() const noexcept { return {}; }
};

}  // namespace royong::inline v0
