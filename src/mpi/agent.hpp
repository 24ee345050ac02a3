// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The agent: what a rank other than 0 does until the program ends.
 *
 *  One thread that never runs user code: it takes batches, feeds a Pool, returns results, and says
 *  now and then that it lives. So a task may crash, hang or eat its memory: it takes a worker of the
 *  pool with it, and the agent reports that.
 */
#pragma once

#include "mpi/transport.hpp"

namespace royong::inline v0::mpi {

/// Serves until rank 0 says that the program ends, or is silent for too long. @return the exit code
int serve(Transport& transport);

/// What this node says of itself.
Hello introduce();

}  // namespace royong::inline v0::mpi
