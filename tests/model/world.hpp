// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The world that the library's own sources are compiled in to be explored: its atomics, its kernel, its clock.
 *
 *  A file includes this, opens a namespace, calls ROYONG_MODEL_WORLD and then includes the sources themselves, unchanged. There `std::atomic` is the
 *  one below, of which each access is a choice of the explorer, and so are the futex calls; everything else is what it always was.
 */
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <string>
#include <type_traits>

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "model/explorer.hpp"
#include "os/futex.hpp"
#include "royong/detail/config.hpp"
#include "royong/error.hpp"
#include "royong/timeout.hpp"
#include "sync/spin.hpp"

namespace royong_model {

/// Every access is a step of its own, seen by all at once. A compare-and-swap never fails for no reason: a loop around one only tries again.
template <class T>
class Atomic {
 public:
  Atomic() = default;
  constexpr Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    access("loads");
    return seen(value_);
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    access("stores");
    value_ = value;
  }
  T operator=(T value) noexcept {
    store(value);
    return value;
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    access("exchanges");
    const T before = seen(value_);
    value_ = value;
    return before;
  }
  T fetch_add(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
    access("adds");
    const T before = seen(value_);
    value_ = static_cast<T>(before + by);
    return before;
  }
  T fetch_or(T bits, std::memory_order = std::memory_order_seq_cst) noexcept {
    access("sets bits");
    const T before = seen(value_);
    value_ = before | bits;
    return before;
  }
  T fetch_and(T bits, std::memory_order = std::memory_order_seq_cst) noexcept {
    access("clears bits");
    const T before = seen(value_);
    value_ = before & bits;
    return before;
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    access("compares and swaps");
    const T before = seen(value_);
    if (before != expected) {
      expected = before;
      return false;
    }
    value_ = desired;
    return true;
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order first,
                             std::memory_order second) noexcept {
    return compare_exchange_strong(expected, desired, first, second);
  }
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order order = std::memory_order_seq_cst) noexcept {
    return compare_exchange_strong(expected, desired, order);
  }

  /// For checks: no step.
  T peek() const noexcept { return value_; }

 private:
  static T seen(T value) noexcept {
    answered(static_cast<std::uint64_t>(value));
    return value;
  }
  T value_;
};

/// Goes on only while its thread sleeps.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    return time_point(std::chrono::milliseconds(1'000 + 50 * slices_slept()));
  }
};

class Timeout {
 public:
  using Clock = royong_model::Clock;
  bool is_poll() const noexcept { return false; }
  Clock::time_point deadline() const noexcept { return Clock::time_point::max(); }
};

/// A spin is more looks at the word. One is as good as many: it ends before the first, or after whichever the others let it see.
class Spinner {
 public:
  Spinner(int, const void*) noexcept {}
  bool once() noexcept { return looks_-- > 0; }

 private:
  int looks_ = 1;
};

using Owner = royong::memory::Owner;

struct Slot {
  Atomic<std::uint64_t> generation;
  Atomic<std::uint32_t> pid;
  /// Of who is swept here the slot has begun another life already: the generation says it.
  struct {
    royong::memory::SlotState load() const noexcept { return royong::memory::SlotState::live; }
  } state;
};

/// Each thread is a process of its own; number i has slot i.
inline Owner owner_of(int thread) { return Owner::of(static_cast<std::uint32_t>(thread), 0); }

}  // namespace royong_model

/// What the sources find in their namespaces instead of what is there else. `slots_of_world` is an array of Slot, one for each thread.
#define ROYONG_MODEL_WORLD                                                                     \
  namespace std {                                                                              \
  using namespace ::std;                                                                       \
  template <class T>                                                                           \
  using atomic = royong_model::Atomic<T>;                                                      \
  inline void atomic_thread_fence(memory_order) noexcept {}                                    \
  }                                                                                            \
  namespace royong::inline v0 {                                                                \
  using Timeout = royong_model::Timeout;                                                       \
  inline constexpr Timeout forever{};                                                          \
  using ::royong::UsageError;                                                                  \
  namespace os {                                                                               \
  inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,             \
                         Timeout::Clock::time_point) {                                         \
    royong_model::access("calls futex_wait");                                                  \
    if (royong_model::answered(word.peek()) == expected) royong_model::sleep_on(&word);        \
  }                                                                                            \
  inline int futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {                \
    royong_model::access("calls futex_wake");                                                  \
    return static_cast<int>(                                                                   \
        royong_model::answered(static_cast<std::uint64_t>(royong_model::wake(&word, count)))); \
  }                                                                                            \
  }                                                                                            \
  namespace memory {                                                                           \
  using royong_model::Owner;                                                                   \
  using ::royong::memory::max_processes;                                                       \
  using ::royong::memory::SlotState;                                                           \
  using royong_model::Slot;                                                                    \
  using ::royong::memory::Offset;                                                              \
  inline Offset offset_of(const void* address) noexcept {                                      \
    return static_cast<Offset>(reinterpret_cast<std::uintptr_t>(address));                     \
  }                                                                                            \
  template <class T>                                                                           \
  T& at(Offset offset) {                                                                       \
    return *reinterpret_cast<T*>(static_cast<std::uintptr_t>(offset));                         \
  }                                                                                            \
  inline royong_model::Slot* slots_of_world = nullptr;                                         \
  inline Owner self() noexcept { return royong_model::owner_of(royong_model::this_thread()); } \
  inline royong_model::Slot& slot(Owner owner) { return slots_of_world[owner.index()]; }       \
  inline bool is_alive(Owner owner) noexcept {                                                 \
    royong_model::access("looks whether the owner lives");                                     \
    return royong_model::answered(                                                             \
               royong_model::is_dead(static_cast<int>(owner.index())) ? 0 : 1) != 0;           \
  }                                                                                            \
  }                                                                                            \
  namespace detail {                                                                           \
  template <class... Args>                                                                     \
  void warn(const char*, const Args&...) noexcept {}                                           \
  }                                                                                            \
  namespace sync {                                                                             \
  using royong_model::Spinner;                                                                 \
  }                                                                                            \
  }
