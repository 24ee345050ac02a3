// SPDX-License-Identifier: Apache-2.0
#include "mpi/failures.hpp"

#include <mpi.h>
#if defined(OPEN_MPI) && OPEN_MPI && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#include <numeric>  // for std::iota

namespace royong::inline v0::mpi {

#if defined(MPIX_ERR_PROC_FAILED)

std::vector<int> acknowledge_failures(int code) {
  int error_class = MPI_SUCCESS;
  MPI_Error_class(code, &error_class);
  if (error_class != MPIX_ERR_PROC_FAILED && error_class != MPIX_ERR_PROC_FAILED_PENDING) return {};
  // This pair is what Open MPI and MPICH both have.
  MPI_Group gone = MPI_GROUP_NULL;
  if (MPIX_Comm_failure_ack(MPI_COMM_WORLD) != MPI_SUCCESS ||
      MPIX_Comm_failure_get_acked(MPI_COMM_WORLD, &gone) != MPI_SUCCESS)
    return {};
  MPI_Group world = MPI_GROUP_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  int count = 0;
  MPI_Group_size(gone, &count);
  std::vector<int> there(static_cast<std::size_t>(count));
  std::vector<int> ranks(there.size());
  std::iota(there.begin(), there.end(), 0);
  MPI_Group_translate_ranks(gone, count, there.data(), world, ranks.data());
  if (gone != MPI_GROUP_EMPTY) MPI_Group_free(&gone);
  MPI_Group_free(&world);
  return ranks;
}

#else

std::vector<int> acknowledge_failures(int) { return {}; }

#endif

}  // namespace royong::inline v0::mpi
