// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What an MPI with fault tolerance (ULFM) says of dead ranks.
 *
 *  Compiled in where mpi.h or mpi-ext.h declares it: Open MPI from 5 on, MPICH. Such an MPI ends a look for
 *  messages of any rank with an error as long as the death of one has not been acknowledged.
 */
#pragma once

#include <vector>  // for std::vector

namespace royong::inline v0::mpi {

/** @brief After a look for messages of any rank has failed: acknowledges the deaths that MPI knows of.
 *  @param code what the look returned
 *  @return the ranks that are dead, those that were acknowledged before among them. Empty: that was no death
 */
std::vector<int> acknowledge_failures(int code);

}  // namespace royong::inline v0::mpi
