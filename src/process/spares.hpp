// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Spare processes: made in advance, asleep in their slots until there is something to run.
 *
 *  A spare is a copy of the forkserver that has armed its death pipe and claimed its slot, and waits for the slot's `go`
 *  word. Giving it a start-up message and waking it is all that a start then costs. The service thread makes new ones
 *  when there are none left, and when a process has ended: not while one sets out.
 */
#pragma once

#include <optional>  // for std::optional

#include "memory/slots.hpp"
#include "process/identity.hpp"
#include "process/launch.hpp"

namespace royong::inline v0::detail {

struct Spare {
  memory::Owner slot;
  Launched process;
  Identity identity;  ///< it has these rights
};

/// A living spare, now the caller's; nothing when there is none.
std::optional<Spare> take_spare();

/// Has new ones made for those that were taken; a process has ended, so there is a processor to spare. @throws std::system_error
void refill_spares();

/// Ends all spares and makes no more.
void stop_spares() noexcept;

/// For the fork handlers.
void lock_spares();
void unlock_spares();

/// In a fork: the spares are the parent's.
void forget_spares() noexcept;

/// How many are ready now; for benchmarks and tests.
int ready_spares() noexcept;

}  // namespace royong::inline v0::detail
