// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Suspicion: how a waiter finds out for itself that a process is dead.
 *
 *  The sweep repairs what the dead held, at once and completely. This is for the case that nobody sweeps (the parent is stopped, or dead as well), and for what a process still held
 *  when it had dropped its last handle to the object: the sweep does not come by there.
 */
#pragma once

#include <chrono>  // for std::chrono::steady_clock

#include "memory/slots.hpp"
#include "royong/timeout.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0::sync {

/// Whether the process has been swept: it is dead, and nothing of it will ever move again.
inline bool is_swept(memory::Owner owner) noexcept {
  const memory::Slot& slot = memory::slot(owner);
  return slot.generation.load() != owner.generation() ||
         slot.state.load() == memory::SlotState::free;
}

/// One waiter's; used by one thread.
class Suspicion {
 public:
  /** @brief Whether the process is dead beyond doubt. Ask once a slice.
   *
   *  A process that was swept is. One that was not must be found dead twice, a slice apart, because a dying process gives up its alive token an instant before its last thread stops.
   *  Of several it takes one after the other.
   */
  bool confirmed(memory::Owner owner) noexcept {
    if (is_swept(owner)) return true;
    if (memory::is_alive(owner)) return false;
    const auto now = Timeout::Clock::now();
    if (suspect_ != owner) {
      if (suspect_ && !convicted_ && !is_swept(suspect_)) return false;  // that one first
      suspect_ = owner;
      since_ = now;
      convicted_ = false;
    }
    convicted_ = now - since_ >= slice;
    return convicted_;
  }

 private:
  memory::Owner suspect_;
  Timeout::Clock::time_point since_;
  bool convicted_ = false;
};

}  // namespace royong::inline v0::sync
