// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief This floor's own part of a sweep. Private: called by `sweep`, under its lock.
 */
#pragma once

#include "memory/slots.hpp"

namespace royong::inline v0::memory {

/// Hands the pins of `dead` to its parent, repairs and lets go of what it held, destroys what
/// nobody holds.
void sweep_objects(Owner dead);

/// Frees the blocks of `dead`, and those of objects that are gone; gives up its slabs.
void sweep_blocks(Owner dead);

}  // namespace royong::inline v0::memory
