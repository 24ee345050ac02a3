// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Value, Array, RawValue, RawArray: data that several processes see. And SharedMemory and ShareableList, for unrelated programs.
 *
 *  All of them are handles: a copy names the same shared data, and a handle may be an argument, a result or a message. The data of the first four is gone
 *  when the last process has let go of it.
 *
 *  `T` must be trivially copyable, with no pointer in it, however deep (checked at compile time). It may be aligned more strictly than usual,
 *  up to a page of 4096 bytes: elements with `alignas(64)` do not share cache lines.
 *
 *  Memory is taken from the system when it is first written to. Arrays of 64 MiB and more ask the kernel for huge pages, and what they took goes back
 *  to the system when they end.
 */
#pragma once

#include <algorithm>         // for std::ranges::copy
#include <concepts>          // for std::convertible_to, std::integral
#include <cstddef>           // for std::size_t
#include <cstdint>           // for std::int64_t
#include <initializer_list>  // for std::initializer_list
#include <ranges>            // for std::ranges::input_range
#include <span>              // for std::span
#include <type_traits>       // for std::invoke_result_t
#include <vector>            // for std::vector

#include "royong/detail/cells.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/error.hpp"           // IWYU pragma: export
#include "royong/shareable_list.hpp"  // IWYU pragma: export
#include "royong/shared_memory.hpp"   // IWYU pragma: export

namespace royong::inline v0 {

/** @brief A shared value without a lock: plain memory.
 *
 *  **Errors.** Creating: `ArenaFull`, and `UsageError` before `init`.
 *
 *  **Threads and processes.** As a plain variable that threads share: who writes while others read needs a lock, or `std::atomic_ref`.
 *
 *  **If the peer dies.** The memory keeps what it had written.
 *
 *  Example: examples/lock_race.cpp
 */
template <class T>
class RawValue {
  static_assert(detail::require_flat<T>());

 public:
  /// `T{}`. @throws ArenaFull no memory is left @throws UsageError before `init`
  RawValue() : RawValue(T{}) {}
  /// @throws ArenaFull no memory is left @throws UsageError before `init`
  explicit RawValue(const T& init) : RawValue(detail::Cells<T>::create(kind_, type_hash_, 1)) {
    get() = init;
  }
  RawValue(const RawValue&) = default;
  RawValue& operator=(const RawValue&) = default;

  /// The value itself, in shared memory.
  T& get() const noexcept { return *data_; }
  T& operator*() const noexcept { return *data_; }
  T* operator->() const noexcept { return data_; }

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::value;
  static constexpr auto type_hash_ = detail::type_hash<RawValue>();
  explicit RawValue(detail::ObjectRef object)
      : object_(std::move(object)), data_(detail::Cells<T>(object_).data()) {}

  detail::ObjectRef object_;
  T* data_;
};

/** @brief A shared array without a lock: a contiguous range straight in shared memory. Its length is fixed.
 *
 *  Aligned to 64 bytes, or more if `T` is; algorithms, `std::span` and views take it as they take a vector. As with a vector, `RawArray<int>(5)` has five
 *  elements and `RawArray<int>{5}` has one. Made from a RawArray of the same `T` it is a copy of the handle, not of the elements.
 *
 *  **Errors, threads and processes, if the peer dies:** as RawValue. A negative length is `UsageError`.
 *
 *  Example: examples/value_array.cpp
 */
template <class T>
class RawArray {
  static_assert(detail::require_flat<T>());

 public:
  /// `n` zeros.
  template <std::integral N>
  explicit RawArray(N n)
      : RawArray(detail::Cells<T>::create(kind_, type_hash_, static_cast<std::int64_t>(n))) {}
  RawArray(std::initializer_list<T> values) : RawArray(values.size()) {
    std::ranges::copy(values, begin());
  }
  /// A copy of the range's elements.
  template <std::ranges::input_range R>
    requires(!std::same_as<std::remove_cvref_t<R>, RawArray> &&
             std::convertible_to<std::ranges::range_reference_t<R>, T>)
  explicit RawArray(R&& range) : RawArray(collect(range)) {}
  RawArray(const RawArray&) = default;
  RawArray& operator=(const RawArray&) = default;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* data() const noexcept { return data_; }
  T* begin() const noexcept { return data_; }
  T* end() const noexcept { return data_ + size_; }
  /// Not checked.
  T& operator[](std::size_t i) const noexcept { return data_[i]; }
  /// @throws std::out_of_range
  T& at(std::size_t i) const {
    if (i >= size_) detail::throw_out_of_range(i, size_);
    return data_[i];
  }

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::array;
  static constexpr auto type_hash_ = detail::type_hash<RawArray>();
  explicit RawArray(detail::ObjectRef object) : object_(std::move(object)) {
    const detail::Cells<T> cells(object_);
    data_ = cells.data();
    size_ = cells.size();
  }
  template <class R>
  static detail::ObjectRef collect(R& range) {
    if constexpr (std::ranges::forward_range<R>) {
      auto object = detail::Cells<T>::create(
          kind_, type_hash_, static_cast<std::int64_t>(std::ranges::distance(range)),
          detail::CellsHold::anything);
      std::ranges::copy(range, detail::Cells<T>(object).data());
      return object;
    } else {
      std::vector<T> values;
      for (auto&& value : range) values.push_back(static_cast<T>(value));
      return collect(values);
    }
  }

  detail::ObjectRef object_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

template <std::ranges::input_range R>
explicit RawArray(R&&) -> RawArray<std::ranges::range_value_t<R>>;

/** @brief Exclusive access to a Value: works as a pointer to it, and releases the value's lock at its end.
 *
 *  **If the peer dies.** If the owner of a guard dies, the next one gets the lock and sees `get_lock().abandoned()`.
 */
template <class T>
class ValueGuard {
 public:
  ValueGuard(const ValueGuard&) = delete;
  ValueGuard& operator=(const ValueGuard&) = delete;
  ~ValueGuard() { lock_.unlock(); }

  T& operator*() const noexcept { return *data_; }
  T* operator->() const noexcept { return data_; }

 private:
  template <class>
  friend class Value;
  explicit ValueGuard(const detail::Cells<T>& cells) : lock_(cells.lock()), data_(cells.data()) {
    lock_.lock();
    cells.finish_redo();
  }
  RLock lock_;
  T* data_;
};

/** @brief A shared value whose every operation is atomic: `v += 1` from eight processes adds up.
 *
 *  Types of 1, 2, 4 and 8 bytes, and of 16 where the processor can, are changed by one instruction, without a lock; others under the value's lock, so
 *  that a death never leaves half of a value. For more than one operation use `update`, or hold `lock()`. Guards and updates exclude each other. Single
 *  operations that need no lock do not wait for them.
 *
 *  **Errors.** Creating: `ArenaFull`, and `UsageError` before `init`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. Sequentially consistent.
 *
 *  **If the peer dies.** Each operation has happened or has not. `update` likewise: the function's result is stored in one step, or not at all. The lock of a
 *  process that died in one of them is free; only the death of the owner of a guard, or of `get_lock()`, makes it `abandoned()`.
 *
 *  Example: examples/value_array.cpp
 */
template <class T>
class Value {
  static_assert(detail::require_flat<T>());

 public:
  /// `T{}`. @throws ArenaFull no memory is left @throws UsageError before `init`
  Value() : Value(T{}) {}
  /// @throws ArenaFull no memory is left @throws UsageError before `init`
  explicit Value(const T& init) : Value(detail::Cells<T>::create(kind_, type_hash_, 1)) {
    *cells_.data() = init;
  }
  Value(const Value&) = default;
  Value& operator=(const Value&) = default;

  /// The value.
  T load() const { return cells_.load(*cells_.data()); }
  /// Replaces the value.
  void store(const T& value) const { cells_.store(*cells_.data(), value); }
  /// Stores, and returns what was there.
  T exchange(const T& value) const { return cells_.exchange(*cells_.data(), value); }

  /// Adds; for every type with `+`. @return the new value
  template <class U>
  T operator+=(const U& amount) const {
    return cells_.add(*cells_.data(), amount).second;
  }
  /// Subtracts; for every type with `-`. @return the new value
  template <class U>
  T operator-=(const U& amount) const {
    return cells_.subtract(*cells_.data(), amount).second;
  }
  T operator++() const { return *this += 1; }
  T operator--() const { return *this -= 1; }
  T operator++(int) const { return cells_.add(*cells_.data(), 1).first; }
  T operator--(int) const { return cells_.subtract(*cells_.data(), 1).first; }

  /** @brief Replaces the value by what `f` makes of it, while no other update and no guard is under way.
   *
   *  `f` is any callable, called in this process: `T f(T)`, or `void f(T&)`. It is called again when a single operation came in between. If it throws, nothing has changed.
   *  @return the new value
   */
  template <class F>
  T update(F&& f) const {
    const auto guard = cells_.operation();
    return cells_
        .modify(*cells_.data(),
                [&](T now) {
                  if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
                    f(now);
                    return now;
                  } else {
                    return static_cast<T>(f(now));
                  }
                })
        .second;
  }

  /// The value's lock, for `std::scoped_lock`. It belongs to the value: send the value to another process, not its lock.
  const RLock& get_lock() const noexcept { return cells_.lock(); }
  /// Exclusive access, as through a pointer, for as long as the guard lives.
  [[nodiscard]] ValueGuard<T> lock() const { return ValueGuard<T>(cells_); }

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::value;
  static constexpr auto type_hash_ = detail::type_hash<Value>();
  explicit Value(detail::ObjectRef object) : object_(std::move(object)), cells_(object_) {}

  detail::ObjectRef object_;
  detail::Cells<T> cells_;
};

/** @brief One element of an Array, as `array[i]` gives it.
 *
 *  It stands for the element: reading it, assigning to it and adding to it are each one atomic operation of the array, so `array[i] += 1` from eight processes adds
 *  up. What takes two of them is not: `array[i] = array[i] + 1` may lose what another adds in between; use `+=`, or hold the array's `lock`. `auto x = array[i]` is another name of the
 *  element, not a copy of its value: write `T x = array[i]`. Valid while the handle lives that it came from.
 *
 *  **Errors.** None: the index was checked by `array[i]`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. Elements of 1, 2, 4 and 8 bytes are read and
 *  written by one instruction, others under the array's lock, for which it waits.
 *
 *  **If the peer dies.** A process that dies in an operation has done it, or has not; others find the old value or the new one, never a mixture, and are not kept waiting.
 *
 *  Example: examples/value_array.cpp
 */
template <class T>
class ArrayElement {
 public:
  /// The value.
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for the element.
  operator T() const { return cells_.load(cell_); }
  /// Replaces the value. @return the new one
  T operator=(const T& value) const {
    cells_.store(cell_, value);
    return value;
  }
  /// Copies the value of another element: two operations, one on each.
  T operator=(const ArrayElement& other) const { return *this = static_cast<T>(other); }
  /// Another name of the same element.
  ArrayElement(const ArrayElement&) = default;
  /// Adds to the value. @return the new one, as it was at that instant
  template <class U>
  T operator+=(const U& amount) const {
    return cells_.add(cell_, amount).second;
  }
  /// Subtracts from the value. @return the new one, as it was at that instant
  template <class U>
  T operator-=(const U& amount) const {
    return cells_.subtract(cell_, amount).second;
  }
  /// Adds one. @return the new value
  T operator++() const { return *this += 1; }
  /// Subtracts one. @return the new value
  T operator--() const { return *this -= 1; }
  /// Adds one. @return the value before
  T operator++(int) const { return cells_.add(cell_, 1).first; }
  /// Subtracts one. @return the value before
  T operator--(int) const { return cells_.subtract(cell_, 1).first; }

 private:
  template <class>
  friend class Array;
  ArrayElement(const detail::Cells<T>& cells, T& cell) : cells_(cells), cell_(cell) {}
  const detail::Cells<T>& cells_;
  T& cell_;
};

/** @brief Exclusive access to an Array: a contiguous range, usable as `std::span<T>`, that releases the array's lock at its end.
 *
 *      smooth(samples.lock());          // void smooth(std::span<float>): the lock is held during the call
 *      const auto guard = samples.lock();
 *      std::ranges::sort(guard);        // and here until the guard's end
 *
 *  A span that is kept does not keep the lock: `std::span<float> s = samples.lock();` is the elements without it, from the next line on.
 *
 *  **If the peer dies.** If the owner of a guard dies, the next one gets the lock and sees `get_lock().abandoned()`.
 */
template <class T>
class ArrayGuard {
 public:
  ArrayGuard(const ArrayGuard&) = delete;
  ArrayGuard& operator=(const ArrayGuard&) = delete;
  ~ArrayGuard() { lock_.unlock(); }

  std::size_t size() const noexcept { return elements_.size(); }
  T* data() const noexcept { return elements_.data(); }
  T* begin() const noexcept { return data(); }
  T* end() const noexcept { return data() + size(); }
  /// Not checked.
  T& operator[](std::size_t i) const noexcept { return elements_[i]; }

 private:
  template <class>
  friend class Array;
  explicit ArrayGuard(const detail::Cells<T>& cells)
      : lock_(cells.lock()), elements_(cells.data(), cells.size()) {
    lock_.lock();
    cells.finish_redo();
  }
  RLock lock_;
  std::span<T> elements_;
};

}  // namespace royong::inline v0

// The elements outlive the guard, so a guard without a name becomes a span as well. (An operator for that would be a second way
// for one that has a name, of which compilers warn.)
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<royong::ArrayGuard<T>> = true;

namespace royong::inline v0 {

/** @brief A shared array whose single elements are read and written atomically. Its length is fixed.
 *
 *  For work on many elements hold `lock()`, or use RawArray. As with Value, single operations that need no lock do not wait for guards.
 *
 *  **Errors.** Creating: `ArenaFull`; `UsageError` for a negative length and before `init`. An index beyond the end is `std::out_of_range`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. Sequentially consistent.
 *
 *  **If the peer dies.** Each operation has happened or has not. Only the death of the owner of a guard, or of `get_lock()`, makes the lock `abandoned()`.
 *
 *  Example: examples/value_array.cpp
 */
template <class T>
class Array {
  static_assert(detail::require_flat<T>());

 public:
  /// `n` zeros.
  template <std::integral N>
  explicit Array(N n)
      : Array(detail::Cells<T>::create(kind_, type_hash_, static_cast<std::int64_t>(n))) {}
  Array(std::initializer_list<T> values) : Array(values.size()) {
    std::ranges::copy(values, cells_.data());
  }
  /// A copy of the range's elements.
  template <std::ranges::input_range R>
    requires std::convertible_to<std::ranges::range_reference_t<R>, T>
  explicit Array(R&& range) : Array(collect(range)) {}
  Array(const Array&) = default;
  Array& operator=(const Array&) = default;

  /// How many elements.
  std::size_t size() const noexcept { return cells_.size(); }
  /// @throws std::out_of_range
  T load(std::size_t i) const { return cells_.load(cells_.at(i)); }
  /// @throws std::out_of_range
  void store(std::size_t i, const T& value) const { cells_.store(cells_.at(i), value); }
  /// The element, to be read, assigned to, or added to. Valid while this handle lives. @throws std::out_of_range
  ArrayElement<T> operator[](std::size_t i) const { return {cells_, cells_.at(i)}; }

  /// The array's lock, for `std::scoped_lock`. It belongs to the array: send the array to another process, not its lock.
  const RLock& get_lock() const noexcept { return cells_.lock(); }
  /// Exclusive access to all elements for as long as the guard lives.
  [[nodiscard]] ArrayGuard<T> lock() const { return ArrayGuard<T>(cells_); }

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::array;
  static constexpr auto type_hash_ = detail::type_hash<Array>();
  explicit Array(detail::ObjectRef object) : object_(std::move(object)), cells_(object_) {}
  template <class R>
  static detail::ObjectRef collect(R& range) {
    if constexpr (std::ranges::forward_range<R>) {
      auto object = detail::Cells<T>::create(
          kind_, type_hash_, static_cast<std::int64_t>(std::ranges::distance(range)),
          detail::CellsHold::anything);
      std::ranges::copy(range, detail::Cells<T>(object).data());
      return object;
    } else {
      std::vector<T> values;
      for (auto&& value : range) values.push_back(static_cast<T>(value));
      return collect(values);
    }
  }

  detail::ObjectRef object_;
  detail::Cells<T> cells_;
};

template <std::ranges::input_range R>
explicit Array(R&&) -> Array<std::ranges::range_value_t<R>>;

}  // namespace royong::inline v0
