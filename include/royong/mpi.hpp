// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief royong and MPI: the same program on many machines.
 *
 *  A component of its own: the CMake target royong::mpi (`find_package(royong COMPONENTS mpi)`), which exists where an
 *  MPI is installed. The program is started by `mpirun` or `srun`; `mpi::init` makes every process but rank 0 an agent that feeds a
 *  local Pool, and rank 0 goes on with `main`. Whoever outgrows one machine changes one line: `Pool` becomes
 *  `mpi::MPIPoolExecutor`.
 *
 *      int main(int argc, char** argv) {
 *        royong::init(argc, argv);
 *        royong::mpi::init(argc, argv);        // rank 0 alone comes back
 *        royong::mpi::MPIPoolExecutor nodes;   // all of the cluster
 *        for (auto& result : nodes.map(work, inputs)) use(result);
 *      }
 */
#pragma once

#include "royong/mpi/executor.hpp"
#include "royong/mpi/init.hpp"
