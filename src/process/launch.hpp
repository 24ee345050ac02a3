// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The three ways to bring a process to life in a slot that is reserved for it.
 */
#pragma once

#include <sys/types.h>

#include <cstdint>     // for std::uint32_t
#include <functional>  // for std::function

#include "memory/slots.hpp"
#include "os/fd.hpp"

namespace royong::inline v0::detail {

struct Launched {
  pid_t pid = 0;
  os::Fd pidfd;
};

/// What the new process does first: run what its start-up message says, or sleep until there is one.
enum class Readiness : std::uint32_t { now, spare };

/// A child of ours with its pidfd; kills and reaps the child when there is no descriptor to be had. @throws std::system_error
Launched with_pidfd(pid_t child);

/// Kills a child that could not be taken under supervision, and reaps it.
void discard(const Launched& child) noexcept;

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

}  // namespace royong::inline v0::detail
