// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerArray: an array in a manager's server.
 */
#pragma once

#include <cstddef>           // for std::size_t
#include <cstdint>           // for std::int64_t
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::default_sentinel_t
#include <type_traits>       // for std::decay_t
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/objects/value.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/manager/slice.hpp"

namespace royong::inline v0 {

namespace detail {

/// What `ManagerArray::update(i, f)` sends.
template <class T, class F>
struct UpdateCell {
  F function;
  template <class... A>
  decltype(auto) operator()(ServedArray<T>& array, std::int64_t index, A&&... arguments) {
    return array.update(index, function, std::forward<A>(arguments)...);
  }
};

}  // namespace detail

/** @brief An array of fixed length that lives in a manager's server: made by `Manager::array<T>(n)`, whose elements are `T{}`.
 *
 *  A proxy: a value whose copies refer to the one array. `T` is transferable and copyable. For plain elements between processes of one program `Array` is a thousand times faster.
 *  Negative indexes count from the end.
 *
 *  Each member is atomic. **Errors.** As ManagerDict's; an index outside the array is `std::out_of_range`. **Threads and processes, if the peer dies:** as ManagerDict.
 *
 *  Example: examples/manager_value.cpp
 */
template <class T>
class ManagerArray : public detail::ProxyOf<detail::ServedArray<T>> {
  using Object = detail::ServedArray<T>;

 public:
  using value_type = T;

  using detail::ProxyOf<Object>::ProxyOf;

  std::size_t size() const { return this->template invoke<&Object::size>(); }
  /// @throws std::out_of_range
  T load(std::int64_t index) const { return this->template invoke<&Object::get>(index); }
  /// @throws std::out_of_range
  void store(std::int64_t index, const T& value) const {
    this->template invoke<&Object::set>(index, value);
  }
  /// As `load` and `store`: a list's names.
  T get(std::int64_t index) const { return load(index); }
  T at(std::int64_t index) const { return load(index); }
  void set(std::int64_t index, const T& value) const { store(index, value); }

  /// The elements of a slice.
  std::vector<T> slice(const Slice& slice) const {
    return this->template invoke<&Object::slice>(slice);
  }
  /// Replaces a slice. @throws UsageError there are not as many values as positions
  template <detail::RangeOf<T> R>
  void set_slice(const Slice& slice, R&& values) const {
    this->template invoke<&Object::set_slice>(slice, detail::collect<T>(std::forward<R>(values)));
  }
  void set_slice(const Slice& slice, std::initializer_list<T> values) const {
    this->template invoke<&Object::set_slice>(slice, std::vector<T>(values));
  }
  /// All elements.
  std::vector<T> copy() const { return this->template invoke<&Object::copy>(); }

  /// Runs `f(T&, arguments...)` in the server on an element: as ManagerDict::update. @throws std::out_of_range
  template <class F, class... A>
  auto update(std::int64_t index, const F& f, A&&... arguments) const {
    if constexpr (detail::require_transferable<std::decay_t<const F>>()) {
      return this->invoke_function(detail::UpdateCell<T, std::decay_t<const F>>{f}, index,
                                   std::forward<A>(arguments)...);
    }
  }

  /// `a[i]`: stands for an element. Reading it is `load`, assigning to it is `store`.
  class Element {
   public:
    // NOLINTNEXTLINE(google-explicit-constructor): it stands for the element.
    operator T() const { return array_.load(index_); }
    const Element& operator=(const T& value) const {
      array_.store(index_, value);
      return *this;
    }
    const Element& operator=(const Element& other) const { return *this = static_cast<T>(other); }
    Element(const Element&) = default;
    friend bool operator==(const Element& element, const T& value) {
      return static_cast<T>(element) == value;
    }

   private:
    friend class ManagerArray;
    Element(ManagerArray array, std::int64_t index) : array_(std::move(array)), index_(index) {}
    ManagerArray array_;
    std::int64_t index_;
  };
  /// Nothing happens before it is read or assigned to.
  Element operator[](std::int64_t index) const { return Element(*this, index); }

  /// Runs over a snapshot.
  detail::SnapshotIterator<T> begin() const { return detail::SnapshotIterator<T>(copy()); }
  std::default_sentinel_t end() const noexcept { return {}; }
};

}  // namespace royong::inline v0
