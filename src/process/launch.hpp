// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The three ways to bring a process to life in a slot that is reserved for it.
 */
#pragma once

#include <sys/types.h>

#include <functional>  // for std::function
#include <optional>    // for std::optional
#include <span>        // for std::span
#include <vector>      // for std::vector

#include "memory/slots.hpp"
#include "os/fd.hpp"
#include "process/lifeline.hpp"

namespace royong::inline v0::detail {

struct Launched {
  pid_t pid = 0;
  os::Fd end;             ///< readable when the process has ended
  bool is_pidfd = false;  ///< else `end` is our half of a lifeline

  /// For the system calls that take one; -1 for none.
  int pidfd() const noexcept { return is_pidfd ? end.get() : -1; }
};

/// When the new process runs what its start-up message says: as soon as it is under supervision, or when it gets a message.
enum class Readiness { now, when_told };

/// The parent's word, when the start-up message is in place and the child is under supervision.
void tell_to_go(memory::Owner slot) noexcept;
/// The child's part: sleeps until it is told.
void wait_until_told(memory::Owner self) noexcept;

/// A child of ours with the descriptor that tells its end; kills and reaps the child when there is none to be had.
/// @throws std::system_error
Launched supervise(pid_t child, Lifeline line = {});

/// Kills a child of ours and reaps it.
void discard(pid_t child) noexcept;

/// The program started afresh. @throws std::system_error nothing is left of the attempt
Launched launch_by_spawn(memory::Owner slot);

/// A copy of this process; the child runs `local` when there is one, else the call of its start-up message. @throws std::system_error
Launched launch_by_fork(memory::Owner slot, const std::function<void()>& local);

/** @brief A copy of the forkserver, which is started when there is none.
 *
 *  Where the server cannot work (its self-test fails, it has threads), says so once in the log and spawns from then on: same
 *  semantics, slower start.
 *  @throws std::system_error nothing is left of the attempt
 */
Launched launch_by_forkserver(memory::Owner slot, Readiness readiness = Readiness::now);

/** @brief Asks for many copies before the first of them is there: the server makes one while this process takes care of another.
 *  @return for each slot, in their order: nothing where `launch_by_forkserver` has to be asked, which also says why
 */
std::vector<std::optional<Launched>> launch_together(std::span<const memory::Owner> slots);

}  // namespace royong::inline v0::detail
