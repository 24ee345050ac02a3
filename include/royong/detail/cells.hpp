// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Cells: one or many values of a type in shared memory, with a lock; what Value and Array are made of.
 *
 *  Elements of 1, 2, 4 and 8 bytes are read and written by one instruction: there is no instant at which a death leaves half of
 *  one. A larger element is written under the lock in three steps: (1) the new value into a spare element, (2) the place it belongs to into
 *  `redo`, (3) into its place, then `redo` = 0.
 *
 *  | the writer dies      | what is there              | who repairs |
 *  |----------------------|----------------------------|-------------|
 *  | before (2)           | the old value              | nothing to do |
 *  | between (2) and redo = 0 | the old value, the new one, or a mixture | who takes the lock next does (3) again |
 *  | after redo = 0       | the new value              | nothing to do |
 *
 *  So (2) is the store that commits. What a guard's owner writes directly is its own affair: after its death the lock is `abandoned()`.
 */
#pragma once

#include <atomic>   // for std::atomic, std::atomic_ref
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint64_t
#include <cstring>  // for std::memcpy
#include <mutex>    // for std::scoped_lock
#include <utility>  // for std::move

#include "royong/detail/flat.hpp"
#include "royong/detail/object.hpp"
#include "royong/sync.hpp"

namespace royong::inline v0::detail {

/// Where the parts of the object lie in this process.
struct CellsView {
  std::byte* data;
  std::size_t count;
  RecursiveLockWord* lock;
  std::atomic<std::uint64_t>*
      redo;  ///< 1 + the index of the element that the spare one behind the last replaces; 0: none
};

/** @brief Creates `count` zero-filled elements, and a spare one behind them if `spare`.
 *  @throws ArenaFull  they do not fit the quota
 *  @throws UsageError `count` is negative; before `init`
 */
ROYONG_API ObjectRef create_cells(ObjectKind kind, std::uint64_t type_hash, std::int64_t count,
                                  std::size_t element, bool spare);
ROYONG_API CellsView view_cells(const ObjectRef& object) noexcept;
/// @throws std::out_of_range always
[[noreturn]] ROYONG_API void throw_out_of_range(std::size_t index, std::size_t size);

/// Whether one instruction reads or writes a `T`.
template <class T>
inline constexpr bool is_single_access =
    sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8;

/// The elements of an object. A value: copies name the same object. Process-local, as every handle.
template <class T>
class Cells {
 public:
  explicit Cells(const ObjectRef& object) : view_(view_cells(object)), lock_(object, view_.lock) {}

  static ObjectRef create(ObjectKind kind, std::uint64_t hash, std::int64_t count) {
    return create_cells(kind, hash, count, sizeof(T), !is_single_access<T>);
  }

  std::size_t size() const noexcept { return view_.count; }
  T* data() const noexcept { return reinterpret_cast<T*>(view_.data); }
  T& at(std::size_t i) const {
    if (i >= view_.count) throw_out_of_range(i, view_.count);
    return data()[i];
  }
  const RLock& lock() const noexcept { return lock_; }

  /// Does again what a dead writer may have left half-done. The lock is held.
  void finish_redo() const noexcept {
    if constexpr (!is_single_access<T>) {
      // acquire: the spare element is complete when `redo` says so.
      const auto redo = view_.redo->load(std::memory_order_acquire);
      if (redo == 0) return;
      std::memcpy(static_cast<void*>(data() + (redo - 1)), data() + view_.count, sizeof(T));
      view_.redo->store(0, std::memory_order_release);
    }
  }

  T load(T& cell) const {
    if constexpr (is_single_access<T>) {
      return std::atomic_ref<T>(cell).load();
    } else {
      const std::scoped_lock guard(lock_);
      finish_redo();
      return cell;
    }
  }

  void store(T& cell, const T& value) const {
    if constexpr (is_single_access<T>) {
      std::atomic_ref<T>(cell).store(value);
    } else {
      const std::scoped_lock guard(lock_);
      finish_redo();
      commit(cell, value);
    }
  }

  /// Replaces the value by `change(value)` in one step that no other single operation falls into. @return the value before and the value after
  template <class Change>
  std::pair<T, T> modify(T& cell, Change change) const {
    if constexpr (is_single_access<T>) {
      const std::atomic_ref<T> shared(cell);
      T before = shared.load();
      for (;;) {
        const T after = change(before);
        if (shared.compare_exchange_weak(before, after)) return {before, after};
      }
    } else {
      const std::scoped_lock guard(lock_);
      finish_redo();
      const T before = cell;
      const T after = change(before);
      commit(cell, after);
      return {before, after};
    }
  }

  /// Adds, by one instruction where there is one. @return the value after
  template <class U>
  T add(T& cell, const U& amount) const {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_integral_v<U>) {
      const T step = static_cast<T>(amount);
      return static_cast<T>(std::atomic_ref<T>(cell).fetch_add(step) + step);
    } else {
      return modify(cell,
                    [&](const T& now) { return static_cast<T>(meet<U>(now) + meet<T>(amount)); })
          .second;
    }
  }
  template <class U>
  T subtract(T& cell, const U& amount) const {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_integral_v<U>) {
      const T step = static_cast<T>(amount);
      return static_cast<T>(std::atomic_ref<T>(cell).fetch_sub(step) - step);
    } else {
      return modify(cell,
                    [&](const T& now) { return static_cast<T>(meet<U>(now) - meet<T>(amount)); })
          .second;
    }
  }

 private:
  /// A number as its partner's type, where that is a floating one: what the built-in operators do, said aloud.
  template <class Partner, class Number>
  static auto meet(const Number& number) {
    if constexpr (std::is_arithmetic_v<Number> && std::is_floating_point_v<Partner>) {
      return static_cast<std::common_type_t<Partner, Number>>(number);
    } else {
      return number;
    }
  }

  void commit(T& cell, const T& value) const noexcept {
    const auto index = static_cast<std::uint64_t>(&cell - data());
    std::memcpy(static_cast<void*>(data() + view_.count), &value, sizeof(T));
    // release, twice: who finds `redo` set finds the spare element complete; who finds it 0 finds the place complete.
    view_.redo->store(index + 1, std::memory_order_release);
    std::memcpy(static_cast<void*>(&cell), &value, sizeof(T));
    view_.redo->store(0, std::memory_order_release);
  }

  CellsView view_;
  RLock lock_;
};

}  // namespace royong::inline v0::detail
