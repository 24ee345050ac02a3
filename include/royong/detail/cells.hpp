// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Cells: one or many values of a type in shared memory, with a lock; what Value and Array are made of.
 *
 *  Elements of 1, 2, 4 and 8 bytes, and of 16 where the processor can, are read and written by one instruction: there is no instant at
 *  which a death leaves half of one. Another element is written under the lock in three steps: (1) the new value into a spare element, (2) the
 *  place it belongs to into `redo`, (3) into its place, then `redo` = 0.
 *
 *  | the writer dies      | what is there              | who repairs |
 *  |----------------------|----------------------------|-------------|
 *  | before (2)           | the old value              | nothing to do |
 *  | between (2) and redo = 0 | the old value, the new one, or a mixture | who takes the lock next does (3) again |
 *  | after redo = 0       | the new value              | nothing to do |
 *
 *  So (2) is the store that commits, and the lock of a writer that died in an operation is just free. What a guard's owner writes directly is its own
 *  affair: after its death the lock is `abandoned()`, and the log gets a warning (RecursiveLockWord says how the two are told apart).
 */
#pragma once

#include <atomic>       // for std::atomic, std::atomic_ref
#include <bit>          // for std::bit_cast
#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::uint64_t
#include <cstring>      // for std::memcpy
#include <type_traits>  // for std::conditional_t
#include <utility>      // for std::pair

#include "royong/detail/flat.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/wide_word.hpp"
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

/// What the core needs to know of an element's type.
struct CellShape {
  std::size_t size;
  std::size_t alignment;  ///< at most `largest_alignment`
  bool spare;             ///< one more element behind the last
};

/// What elements hold when their maker gets them. `anything`: it writes all of them before it hands the object on.
enum class CellsHold { zeros, anything };

/** @brief Creates `count` elements.
 *
 *  Memory that the system has not given yet is not asked for: a large array costs what is touched of it.
 *  @throws ArenaFull  they do not fit the quota
 *  @throws UsageError `count` is negative; before `init`
 */
ROYONG_API ObjectRef create_cells(ObjectKind kind, std::uint64_t type_hash, std::int64_t count,
                                  CellShape shape, CellsHold hold);
ROYONG_API CellsView view_cells(const ObjectRef& object, CellShape shape) noexcept;
/// @throws std::out_of_range always
[[noreturn]] ROYONG_API void throw_out_of_range(std::size_t index, std::size_t size);

/** @brief Elements as unsigned integers of their size, which are what is compared and exchanged.
 *
 *  Not as `T`: the bytes between the members of a `T` may differ in two copies of one value, so that a comparison of those might fail for ever.
 */
template <std::size_t Size>
struct WordOf {};
template <>
struct WordOf<1> {
  using type = std::uint8_t __attribute__((may_alias));
};
template <>
struct WordOf<2> {
  using type = std::uint16_t __attribute__((may_alias));
};
template <>
struct WordOf<4> {
  using type = std::uint32_t __attribute__((may_alias));
};
template <>
struct WordOf<8> {
  using type = std::uint64_t __attribute__((may_alias));
};

/// Whether one instruction reads or writes a `T`.
template <class T>
inline constexpr bool is_word = requires { typename WordOf<sizeof(T)>::type; };
/// Whether it does where `has_wide_words`.
template <class T>
inline constexpr bool is_wide = may_have_wide_words && sizeof(T) == sizeof(WideWord);

/// Holds the lock for one operation. A death in it marks nothing as abandoned: what it leaves is done again, or was not begun.
class Operation {
 public:
  explicit Operation(RecursiveLockWord& lock) : lock_(lock), entered_(lock.enter()) {}
  ~Operation() {
    if (entered_) lock_.leave();
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  RecursiveLockWord& lock_;
  bool entered_;
};

/// The elements of an object. A value: copies name the same object. Process-local, as every handle.
template <class T>
class Cells {
 public:
  explicit Cells(const ObjectRef& object)
      : view_(view_cells(object, shape_)), lock_(object, view_.lock) {}

  static ObjectRef create(ObjectKind kind, std::uint64_t hash, std::int64_t count,
                          CellsHold hold = CellsHold::zeros) {
    return create_cells(kind, hash, count, shape_, hold);
  }

  std::size_t size() const noexcept { return view_.count; }
  T* data() const noexcept { return reinterpret_cast<T*>(view_.data); }
  T& at(std::size_t i) const {
    if (i >= view_.count) throw_out_of_range(i, view_.count);
    return data()[i];
  }
  /// The lock, for the user.
  const RLock& lock() const noexcept { return lock_; }
  /// The lock, for one operation of this class.
  Operation operation() const { return Operation(*view_.lock); }

  /// Does again what a dead writer may have left half-done. The lock is held.
  void finish_redo() const noexcept {
    if constexpr (!is_word<T>) {
      // acquire: the spare element is complete when `redo` says so.
      const auto redo = view_.redo->load(std::memory_order_acquire);
      if (redo == 0) return;
      std::memcpy(static_cast<void*>(data() + (redo - 1)), data() + view_.count, sizeof(T));
      view_.redo->store(0, std::memory_order_release);
    }
  }

  T load(T& cell) const {
    if constexpr (is_word<T>) {
      return from_bits(__atomic_load_n(word(cell), __ATOMIC_SEQ_CST));
    } else {
      if constexpr (is_wide<T>) {
        if (has_wide_words) return from_bits(load_wide(&cell));
      }
      const auto guard = operation();
      finish_redo();
      return cell;
    }
  }

  void store(T& cell, const T& value) const {
    if constexpr (is_word<T>) {
      __atomic_store_n(word(cell), to_bits<Word>(value), __ATOMIC_SEQ_CST);
    } else {
      if constexpr (is_wide<T>) {
        if (has_wide_words) {
          change_wide(cell, [&](const T&) { return value; });
          return;
        }
      }
      const auto guard = operation();
      finish_redo();
      commit(cell, value);
    }
  }

  /// Stores. @return the value before
  T exchange(T& cell, const T& value) const {
    if constexpr (is_word<T>) {
      return from_bits(__atomic_exchange_n(word(cell), to_bits<Word>(value), __ATOMIC_SEQ_CST));
    } else {
      return modify(cell, [&](const T&) { return value; }).first;
    }
  }

  /// Replaces the value by `change(value)` in one step that no other single operation falls into. @return the value before and the value after
  template <class Change>
  std::pair<T, T> modify(T& cell, Change change) const {
    if constexpr (is_word<T>) {
      auto* const shared = word(cell);
      Word before = __atomic_load_n(shared, __ATOMIC_SEQ_CST);
      for (;;) {
        const T after = change(from_bits(before));
        if (__atomic_compare_exchange_n(shared, &before, to_bits<Word>(after), true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
          return {from_bits(before), after};
      }
    } else {
      if constexpr (is_wide<T>) {
        if (has_wide_words) return change_wide(cell, change);
      }
      const auto guard = operation();
      finish_redo();
      const T before = cell;
      const T after = change(before);
      commit(cell, after);
      return {before, after};
    }
  }

  /// Adds, by one instruction where there is one. @return the value before and the value after
  template <class U>
  std::pair<T, T> add(T& cell, const U& amount) const {
    if constexpr (has_instruction<U>) {
      const T step = static_cast<T>(amount);
      const T before = std::atomic_ref<T>(cell).fetch_add(step);
      return {before, static_cast<T>(before + step)};
    } else {
      return modify(cell,
                    [&](const T& now) { return static_cast<T>(meet<U>(now) + meet<T>(amount)); });
    }
  }
  template <class U>
  std::pair<T, T> subtract(T& cell, const U& amount) const {
    if constexpr (has_instruction<U>) {
      const T step = static_cast<T>(amount);
      const T before = std::atomic_ref<T>(cell).fetch_sub(step);
      return {before, static_cast<T>(before - step)};
    } else {
      return modify(cell,
                    [&](const T& now) { return static_cast<T>(meet<U>(now) - meet<T>(amount)); });
    }
  }

 private:
  static constexpr CellShape shape_{sizeof(T), alignof(T), !is_word<T>};

  struct NoWord {
    using type = WideWord;
  };
  using Word = typename std::conditional_t<is_word<T>, WordOf<sizeof(T)>, NoWord>::type;

  template <class U>
  static constexpr bool has_instruction =
      is_word<T> && std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_integral_v<U>;

  static Word* word(T& cell) noexcept { return reinterpret_cast<Word*>(&cell); }
  template <class Bits>
  static Bits to_bits(const T& value) noexcept {
    Bits bits;
    std::memcpy(static_cast<void*>(&bits), &value, sizeof bits);
    return bits;
  }
  template <class Bits>
  static T from_bits(const Bits& bits) noexcept {
    static_assert(sizeof(Bits) == sizeof(T));
    return std::bit_cast<T>(bits);
  }

  /// A number as its partner's type, where that is a floating one: what the built-in operators do, said aloud.
  template <class Partner, class Number>
  static auto meet(const Number& number) {
    if constexpr (std::is_arithmetic_v<Number> && std::is_floating_point_v<Partner>) {
      return static_cast<std::common_type_t<Partner, Number>>(number);
    } else {
      return number;
    }
  }

  template <class Change>
  static std::pair<T, T> change_wide(T& cell, Change change) {
    WideWord before = load_wide(&cell);
    for (;;) {
      const T after = change(from_bits(before));
      if (compare_exchange(&cell, before, to_bits<WideWord>(after)))
        return {from_bits(before), after};
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
