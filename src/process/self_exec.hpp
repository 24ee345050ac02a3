// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Executing this program again, as a worker or as a forkserver.
 */
#pragma once

#include <sys/types.h>

#include "process/startup.hpp"

namespace royong::inline v0::detail {

/// Starts this program with `marker` before the user's arguments and the marker's descriptors open. @throws std::system_error
pid_t execute_self(const Marker& marker);

}  // namespace royong::inline v0::detail
