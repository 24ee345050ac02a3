// SPDX-License-Identifier: Apache-2.0
// Row G2: one task at a time, which the other of two ranks runs.
#include "support.hpp"
#include "under_mpirun.hpp"

#include "royong/init.hpp"
#include "royong/mpi.hpp"

namespace {

int successor(int x) { return x + 1; }

void round_trip(benchmark::State& state, royong::mpi::MPIPoolExecutor& nodes) {
  royong_bench::Latencies latencies;
  for (auto _ : state) {
    const auto taken = latencies.time([&] {
      if (nodes.submit(successor, 1).get() != 2) state.SkipWithError("a wrong result");
    });
    state.SetIterationTime(std::chrono::duration<double>(taken).count());
  }
  latencies.report(state);
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong_bench::run_under_mpirun(2, argc, argv);
  royong::mpi::init(argc, argv);
  royong::mpi::MPIPoolExecutor nodes({.workers_per_node = 1, .use_rank_0 = false});
  royong_bench::add_row("G2", royong_bench::Kind::royong, "submit", [&](auto& state) {
    round_trip(state, nodes);
  })->UseManualTime();
  return royong_bench::run_benchmarks(argc, argv);
}
