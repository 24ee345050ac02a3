// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What happens in the MPI of mpi.h beside this file. This process is rank 0.
 */
#pragma once

#include <cstddef>
#include <vector>

namespace fake_mpi {

/// Begins anew, with so many ranks.
void reset(int ranks);
/// A rank sends a piece.
void send_from(int rank, int tag, std::vector<std::byte> piece);
/// A rank dies, and this process is told of it. What it had sent can be received still.
void kill(int rank);
/// The next look for messages fails for another reason.
void fail_next_probe();
/// Pieces that were sent to the rank while it lived.
std::size_t sent_to(int rank);
/// Groups that were made and not freed.
int open_groups();

}  // namespace fake_mpi
