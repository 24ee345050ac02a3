// SPDX-License-Identifier: Apache-2.0
#include "under_mpirun.hpp"

#include <unistd.h>

#include <cstdio>   // for std::perror
#include <cstdlib>  // for std::getenv
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "royong/init.hpp"

namespace royong_bench {

void run_under_mpirun(int ranks, int argc, char** argv) {
  if (std::getenv("OMPI_COMM_WORLD_RANK") != nullptr || royong::is_worker()) return;
  const std::string count = std::to_string(ranks);
  std::vector<const char*> line = {
      "mpirun", "-n", count.c_str(), "--bind-to", "none", "--oversubscribe", "--allow-run-as-root"};
  line.insert(line.end(), argv, argv + argc);
  line.push_back(nullptr);
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  ::execvp("mpirun", const_cast<char* const*>(line.data()));
  std::perror("cannot run mpirun");
  std::exit(1);
}

}  // namespace royong_bench
