// SPDX-License-Identifier: Apache-2.0
// Rows G1 and G2: tasks over four ranks of this machine. It runs itself by mpirun; rank 0 measures.
#include <unistd.h>

#include <cstdio>   // for std::perror
#include <cstdlib>  // for std::getenv
#include <numeric>  // for std::iota
#include <vector>   // for std::vector

#include "support.hpp"

#include "royong/init.hpp"
#include "royong/mpi.hpp"

namespace {

using royong::mpi::MPIPoolExecutor;

constexpr int tasks = 100'000;

int successor(int x) { return x + 1; }

/// No-op tasks, one by one, a future each; every result is checked.
void submit_all(benchmark::State& state, MPIPoolExecutor& nodes) {
  std::vector<royong::Future<int>> futures;
  futures.reserve(tasks);
  for (auto _ : state) {
    futures.clear();
    for (int i = 0; i < tasks; ++i) futures.push_back(nodes.submit(successor, i));
    long sum = 0;
    for (auto& future : futures) sum += future.get();
    if (sum != static_cast<long>(tasks) * (tasks + 1) / 2) state.SkipWithError("a wrong result");
  }
  state.SetItemsProcessed(state.iterations() * tasks);
}

/// The same as map: what whoever wants speed would write.
void map_all(benchmark::State& state, MPIPoolExecutor& nodes) {
  std::vector<int> inputs(10 * tasks);
  std::iota(inputs.begin(), inputs.end(), 0);
  for (auto _ : state) {
    const auto results = nodes.map(successor, inputs);
    if (results.size() != inputs.size() || results.back() != 10 * tasks)
      state.SkipWithError("a wrong result");
  }
  state.SetItemsProcessed(state.iterations() * 10 * tasks);
}

/// One task at a time, which another rank runs.
void round_trip(benchmark::State& state, MPIPoolExecutor& nodes) {
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
  if (std::getenv("OMPI_COMM_WORLD_RANK") == nullptr && !royong::is_worker()) {
    std::vector<const char*> line = {
        "mpirun", "-n", "4", "--bind-to", "none", "--oversubscribe", "--allow-run-as-root"};
    line.insert(line.end(), argv, argv + argc);
    line.push_back(nullptr);
    ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    ::execvp("mpirun", const_cast<char* const*>(line.data()));
    std::perror("cannot run mpirun");
    return 1;
  }
  royong::mpi::init(argc, argv);
  MPIPoolExecutor nodes({.workers_per_node = 1});
  MPIPoolExecutor others({.workers_per_node = 1, .use_rank_0 = false});
  using royong_bench::add_row;
  using royong_bench::Kind;
  add_row("G1", Kind::royong, "submit", [&](auto& state) {
    submit_all(state, nodes);
  })->UseRealTime();
  add_row("G1", Kind::royong, "map", [&](auto& state) { map_all(state, nodes); })->UseRealTime();
  add_row("G2", Kind::royong, "round_trip", [&](auto& state) {
    round_trip(state, others);
  })->UseManualTime();
  return royong_bench::run_benchmarks(argc, argv);
}
