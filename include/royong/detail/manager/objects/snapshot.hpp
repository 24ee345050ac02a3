// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Snapshot: what a loop over a manager's object runs over, and what the objects' proxies have in common.
 */
#pragma once

#include <concepts>  // for std::copyable
#include <cstddef>   // for std::ptrdiff_t
#include <iterator>  // for std::forward_iterator_tag
#include <memory>    // for std::shared_ptr
#include <ranges>    // for std::ranges::input_range
#include <utility>   // for std::move
#include <vector>    // for std::vector

#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/** @brief An iterator that owns what it runs over, together with its copies: `for (auto& item : proxy)`.
 *
 *  The elements are this process's own; what is done to them changes nothing in the server.
 */
template <class T>
class SnapshotIterator {
 public:
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::forward_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using pointer = T*;

  SnapshotIterator() = default;
  explicit SnapshotIterator(std::vector<T> items)
      : items_(std::make_shared<std::vector<T>>(std::move(items))) {
    position_ = items_->data();
    end_ = position_ + items_->size();
  }

  T& operator*() const noexcept { return *position_; }
  T* operator->() const noexcept { return position_; }
  SnapshotIterator& operator++() noexcept {
    ++position_;
    return *this;
  }
  SnapshotIterator operator++(int) noexcept {
    auto before = *this;
    ++position_;
    return before;
  }
  friend bool operator==(const SnapshotIterator& a, const SnapshotIterator& b) noexcept {
    return a.position_ == b.position_;
  }
  friend bool operator==(const SnapshotIterator& it, std::default_sentinel_t) noexcept {
    return it.position_ == it.end_;
  }

 private:
  std::shared_ptr<std::vector<T>> items_;
  T* position_ = nullptr;
  T* end_ = nullptr;
};

/// A range whose elements become elements of a manager's object.
template <class R, class T>
concept RangeOf =
    std::ranges::input_range<R> && std::convertible_to<std::ranges::range_reference_t<R>, T>;

/// The elements of a range, to be sent.
template <class T, class R>
std::vector<T> collect(R&& range) {
  std::vector<T> values;
  if constexpr (std::ranges::sized_range<R>) {
    values.reserve(static_cast<std::size_t>(std::ranges::size(range)));
  }
  for (auto&& value : range) values.push_back(static_cast<T>(std::forward<decltype(value)>(value)));
  return values;
}

}  // namespace royong::inline v0::detail
