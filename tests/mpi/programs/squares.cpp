// SPDX-License-Identifier: Apache-2.0
// The smallest program of a cluster.
#include <royong/init.hpp>
#include <royong/mpi.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

namespace mp = royong;

static long square(int x) { return static_cast<long>(x) * x; }

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 1);
  long sum = 0;
  for (const long result : nodes.map(square, numbers)) sum += result;
  const auto all = nodes.nodes();
  std::printf("%d nodes, sum %ld\n",
              static_cast<int>(std::count_if(all.begin(), all.end(),
                                             [](const auto& node) { return node.alive; })),
              sum);
}
