// SPDX-License-Identifier: Apache-2.0
// Row G1: tasks over four ranks of this machine.
#include <sys/resource.h>

#include <numeric>  // for std::iota
#include <vector>   // for std::vector

#include "support.hpp"
#include "under_mpirun.hpp"

#include "royong/init.hpp"
#include "royong/mpi.hpp"

namespace {

using royong::mpi::MPIPoolExecutor;

constexpr int tasks = 100'000;

int successor(int x) { return x + 1; }

/// Nanoseconds that rank 0 has computed, in all of its threads.
double processor_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto nanoseconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
}

/// No-op tasks, one by one, a future each; every result is checked.
void submit_all(benchmark::State& state, MPIPoolExecutor& nodes) {
  std::vector<royong::Future<int>> futures;
  futures.reserve(tasks);
  const double before = processor_time();
  for (auto _ : state) {
    futures.clear();
    for (int i = 0; i < tasks; ++i) futures.push_back(nodes.submit(successor, i));
    long sum = 0;
    for (auto& future : futures) sum += future.get();
    if (sum != static_cast<long>(tasks) * (tasks + 1) / 2) state.SkipWithError("a wrong result");
  }
  state.SetItemsProcessed(state.iterations() * tasks);
  state.counters["rank_0_ns"] =
      (processor_time() - before) / (static_cast<double>(state.iterations()) * tasks);
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

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong_bench::run_under_mpirun(4, argc, argv);
  royong::mpi::init(argc, argv);
  MPIPoolExecutor nodes({.workers_per_node = 1});
  using royong_bench::add_row;
  using royong_bench::Kind;
  add_row("G1", Kind::royong, "submit", [&](auto& state) {
    submit_all(state, nodes);
  })->UseRealTime();
  add_row("G1", Kind::royong, "map", [&](auto& state) { map_all(state, nodes); })->UseRealTime();
  return royong_bench::run_benchmarks(argc, argv);
}
