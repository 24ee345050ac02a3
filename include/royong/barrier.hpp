// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Barrier: a place that a number of parties pass together. What it has in common with the other primitives: sync.hpp.
 */
#pragma once

#include <chrono>       // for std::chrono::duration
#include <concepts>     // for std::convertible_to
#include <cstddef>      // for std::byte
#include <optional>     // for std::nullopt_t
#include <span>         // for std::span
#include <type_traits>  // for std::remove_cvref_t
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/bind_front.hpp"  // IWYU pragma: export
#include "royong/detail/call.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
struct BarrierState;  // in shared memory: src/sync/barrier.cpp
}  // namespace detail

/** @brief What one party of a Barrier does before all pass: a transferable callable without arguments left (`bind_front` binds them).
 *
 *  It travels with the barrier, as bytes in shared memory, and runs in whichever process arrives last. What it returns is ignored. Handles bound to it live as long as the
 *  barrier; the barrier itself must not be among them, it would keep itself alive until the program ends.
 */
class BarrierAction {
 public:
  /// Nothing is done.
  BarrierAction() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): Barrier(3, std::nullopt, 5s)
  BarrierAction(std::nullopt_t) {}
  // NOLINTNEXTLINE(google-explicit-constructor): Barrier(3, nullptr, 5s)
  BarrierAction(std::nullptr_t) {}
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, BarrierAction> &&
             !std::convertible_to<F, Timeout>)
  // NOLINTNEXTLINE(google-explicit-constructor): Barrier(3, action)
  BarrierAction(const F& action) {
    detail::Writer writer(detail::Transit::argument);
    detail::write_call(writer, action);
    call_.assign(writer.bytes().begin(), writer.bytes().end());
    kept_ = writer.take_kept();
  }

  // For the library's own parts.

  /// What write_call wrote; empty: nothing.
  std::span<const std::byte> call() const noexcept { return call_; }
  /// The objects behind the handles in it.
  const std::vector<detail::ObjectRef>& kept() const noexcept { return kept_; }

 private:
  std::vector<std::byte> call_;
  std::vector<detail::ObjectRef> kept_;
};

/** @brief Lets parties pass when all of them have arrived, again and again.
 *
 *  A barrier fills, trips when the last of its parties arrives, and is at once ready to fill anew. Any thread of any process that calls `wait` is a
 *  party, whether it was one before or not.
 *
 *  A barrier *breaks* if a party's time is over, if a party dies inside `wait`, if the action throws, or by `abort`: then all who wait get
 *  `BrokenBarrierError`, and all who come, until `reset`.
 *
 *  **Errors.** Creating: `ArenaFull`; `UsageError` before `init` and for fewer parties than one. `wait`: `BrokenBarrierError`; `UsageError` in a process
 *  that is no member of the family; `ArenaFull` if the memory for one more party is not to be had; what the action throws, in the party that ran it.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. What was written by any party before it arrived is seen by all
 *  after they have passed.
 *
 *  **If the peer dies.** A process that dies between its arrival and its return from `wait`, in the action too, breaks the barrier: nobody passes with the dead
 *  counted in, and nobody waits for it for ever. If the barrier had tripped already, those who passed have passed, and it is the next round that is broken. A process that dies
 *  elsewhere was no party at that moment: those who count on it need a timeout.
 *
 *  Example: examples/barrier.cpp
 */
class ROYONG_API Barrier {
 public:
  /** @brief A barrier that nobody has reached.
   *  @param parties how many pass together
   *  @param action  runs in the last party to arrive, before anybody passes
   *  @param timeout for each `wait` that names none
   *  @throws UsageError `parties` is 0 or less; before `init`
   *  @throws ArenaFull
   */
  explicit Barrier(int parties, const BarrierAction& action = {}, Timeout timeout = forever);
  /// Likewise, without an action: `Barrier(3, 5s)`.
  template <class Rep, class Period>
  Barrier(int parties, std::chrono::duration<Rep, Period> timeout)
      : Barrier(parties, BarrierAction(), timeout) {}

  /** @brief Arrives, and waits for the others, for the time that was given to the constructor.
   *  @return which of the parties this is: 0 for the first to arrive, parties() - 1 for the last
   *  @throws BrokenBarrierError the barrier is broken, or was broken or reset meanwhile, or the time is over, which breaks it
   */
  int wait() const;
  /// Likewise, for this time.
  int wait(Timeout timeout) const;

  /// Makes it empty and whole: who waits gets `BrokenBarrierError`, who comes begins a new round.
  void reset() const;
  /// Breaks it, until `reset`.
  void abort() const;

  /// How many pass together.
  int parties() const noexcept;
  /// How many wait at this instant.
  int n_waiting() const;
  /// Whether it is broken, at this instant.
  bool broken() const noexcept;

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::barrier;

  explicit Barrier(detail::ObjectRef object);

  detail::ObjectRef object_;
  detail::BarrierState* state_;
};

}  // namespace royong::inline v0
