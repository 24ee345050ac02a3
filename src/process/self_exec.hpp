// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Executing this program again, as a worker or as a forkserver.
 */
#pragma once

#include <sys/types.h>

#include "process/startup.hpp"

namespace royong::inline v0::detail {

/** @brief What the forkserver's dynamic linker is told: to look up every function at the start.
 *
 *  Its copies would look up each one that they call again, every copy for itself, at a tenth of a copy's time. The server
 *  takes it out of the environment before anybody else sees it.
 */
inline constexpr const char* bind_now = "LD_BIND_NOW=royong";

/// Starts this program with `marker` before the user's arguments and the marker's descriptors open. @throws std::system_error
pid_t execute_self(const Marker& marker);

}  // namespace royong::inline v0::detail
