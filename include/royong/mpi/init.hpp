// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief mpi::init: where the ranks of an MPI job part.
 */
#pragma once

#include "royong/detail/config.hpp"

namespace royong::inline v0::mpi {

/** @brief Joins the MPI job that this process was started in. The second line of `main`.
 *
 *  Rank 0 returns. Every other rank serves as an agent, which runs tasks in workers of its own but never user code in itself, until
 *  rank 0's program ends; then its process ends, inside of this call. Started without `mpirun` or `srun` it returns at
 *  once, and an `MPIPoolExecutor` is this machine alone, without MPI.
 *
 *  It starts the forkserver, and then initialises MPI (MPI_THREAD_SERIALIZED). SIGPIPE is ignored from here on, unless the program handles it:
 *  with MPI over sockets the death of another rank would come as that signal.
 *
 *  What the ranks run must be the same: an agent whose executable has another build-id, or whose royong is of another
 *  version, is told so, logs it and takes no part; the others go on.
 *
 *  All ranks have rank 0's `authkey()` from here on. It goes to them over MPI, which nobody encrypts: the network of an MPI job is one that is trusted.
 *
 *  @param argc,argv main's own
 *  @throws UsageError royong::init was not called before, or this was called twice; srun started several tasks without an MPI
 *  @throws Error      MPI cannot be initialised
 *
 *  **Threads and processes.** Once, from the main thread. Exception types that come home as themselves are registered (`register_exception`)
 *  before this line. At the end of the program, rank 0 tells the agents to end; where every rank is still there, MPI ends by MPI_Finalize.
 *
 *  **If the peer dies.** An agent that is killed is a lost node: see `MPIPoolExecutor`. For the job to survive it, `mpirun` needs
 *  `--enable-recovery`. When rank 0 is killed, `mpirun` ends the others; with `--enable-recovery` they end by themselves when
 *  they have not heard of it for three times `MpiOptions::node_timeout`.
 *
 *  Example: examples/mpi_squares.cpp
 */
ROYONG_API void init(int argc, char** argv);

}  // namespace royong::inline v0::mpi
