// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A benchmark over MPI runs itself by mpirun.
 */
#pragma once

namespace royong_bench {

/// Becomes `mpirun -n <ranks> <this program>`, unless mpirun has started it already or it is a worker.
/// Returns only then. Call it after royong::init.
void run_under_mpirun(int ranks, int argc, char** argv);

}  // namespace royong_bench
