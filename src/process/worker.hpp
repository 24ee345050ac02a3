// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A worker's life, from its first instruction in the library to its exit code.
 */
#pragma once

#include <functional>  // for std::function

#include "memory/slots.hpp"
#include "process/launch.hpp"

namespace royong::inline v0::detail {

/// Where a process comes from, and so what it shares with another one.
enum class Birth {
  executed,  ///< it has run the program from its beginning
  copied,    ///< a copy of the forkserver
  forked,    ///< a copy of the user's process
};

struct WorkerStart {
  memory::Owner slot;
  int death_pipe = -1;  ///< what open_death_pipe made for this process; it is taken over
  Birth birth = Birth::executed;
  const std::function<void()>* local = nullptr;  ///< run this instead of the message's call (fork)
};

/** @brief Becomes the process of `slot`, runs what its start-up message says, and ends.
 *
 *  Order: death pipe, slot, descriptors, signals, limits, sandbox; then the user's function. So nothing of the user's runs in a process that could outlive its
 *  parent or exceed its limits.
 */
[[noreturn]] void run_worker(const WorkerStart& start);

}  // namespace royong::inline v0::detail
