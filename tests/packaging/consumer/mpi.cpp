// SPDX-License-Identifier: Apache-2.0
#include <royong/init.hpp>
#include <royong/mpi.hpp>

int square(int x) { return x * x; }

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong::mpi::init(argc, argv);
  royong::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  return nodes.submit(square, 3).get() == 9 ? 0 : 1;
}
