// SPDX-License-Identifier: Apache-2.0
// The same program on one machine and on a cluster: ./example_mpi_squares, or mpirun -n 4 ./example_mpi_squares.
#include <cstdio>
#include <numeric>
#include <vector>

#include <royong/init.hpp>
#include <royong/mpi.hpp>

namespace mp = royong;

long square(int x) { return static_cast<long>(x) * x; }

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);  // rank 0 alone comes back: the others are agents

  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 1);
  long sum = 0;
  for (const long result : nodes.map(square, numbers)) sum += result;
  std::printf("the sum of the squares is %ld\n", sum);

  mp::Future<long> one = nodes.submit({.name = "one", .retries = 3}, square, 12);
  std::printf("12 * 12 = %ld\n", one.get());
}
