// SPDX-License-Identifier: Apache-2.0
// Rows T1 (no-op tasks submitted one at a time) and T2 (a map of x*x over a million integers). Two workers everywhere.
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <cstdint>  // for std::uint64_t
#include <numeric>  // for std::accumulate
#include <string>   // for std::to_string
#include <vector>   // for std::vector

#include "peers/slot_pool.hpp"
#include "peers/square_workers.hpp"
#include "peers/task_ring.hpp"
#include "peers/thread_pool.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/pool.hpp"
#if __has_include("royong/shared.hpp")
#include "royong/shared.hpp"
#define HAVE_SHARED_ARRAYS
#endif

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
namespace mp = royong;

constexpr int kWorkers = 2;

// T1. The task does next to nothing, but each result is checked by way of their sum.
constexpr std::uint64_t kTasks = 100'000;
constexpr std::uint64_t kSum = kTasks * (kTasks + 1) / 2;

std::uint64_t successor(std::uint64_t i) { return i + 1; }

template <class F>
void measure_tasks(benchmark::State& state, F run_tasks) {
  for (auto _ : state) {
    if (run_tasks() != kSum) return state.SkipWithError("the sum of the results is wrong");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kTasks));
}

template <std::uint64_t batch>
void tasks_by_rings(benchmark::State& state, int processes) {
  royong_bench::RingPool pool(processes, batch);
  measure_tasks(state, [&] { return pool.run(successor, kTasks); });
}

template <std::uint64_t batch>
void tasks_by_slots(benchmark::State& state, int processes) {
  royong_bench::SlotPool pool(processes, batch, kTasks);
  measure_tasks(state, [&] { return pool.run(successor, kTasks); });
}

void tasks_by_tbb(benchmark::State& state) {
  std::vector<std::uint64_t> results(kTasks);
  tbb::task_arena arena(kWorkers);
  measure_tasks(state, [&] {
    arena.execute([&] {
      tbb::task_group group;
      for (std::uint64_t i = 0; i < kTasks; ++i)
        group.run([&results, i] { results[i] = successor(i); });
      group.wait();
    });
    return std::accumulate(results.begin(), results.end(), std::uint64_t{0});
  });
}

// Submits all, then asks all futures.
template <class Submit>
std::uint64_t sum_of_futures(Submit submit) {
  std::vector<decltype(submit(std::uint64_t{}))> futures;
  futures.reserve(kTasks);
  for (std::uint64_t i = 0; i < kTasks; ++i) futures.push_back(submit(i));
  std::uint64_t sum = 0;
  for (auto& future : futures) sum += future.get();
  return sum;
}

void tasks_by_threads(benchmark::State& state) {
  royong_bench::ThreadPool pool(kWorkers);
  measure_tasks(state, [&] {
    return sum_of_futures(
        [&](std::uint64_t i) { return pool.submit([i] { return successor(i); }); });
  });
}

void tasks_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  measure_tasks(state, [&] {
    return sum_of_futures([&](std::uint64_t i) { return pool.apply_async(successor, i); });
  });
}

// T2. The squares stay within an int.
constexpr std::size_t kValues = 1'000'000;

int square(int x) { return x * x; }

std::vector<int> make_values() {
  std::vector<int> values(kValues);
  for (std::size_t i = 0; i < kValues; ++i) values[i] = static_cast<int>(i % 10'000);
  return values;
}

template <class Results>
bool are_squares(const std::vector<int>& values, const Results& results) {
  for (std::size_t i = 0; i < kValues; ++i) {
    if (results[i] != values[i] * values[i]) return false;
  }
  return true;
}

// `map` returns the results, or something that indexes like them; the last ones are checked.
template <class F>
void measure_map(benchmark::State& state, const std::vector<int>& values, F map) {
  decltype(map()) results{};
  for (auto _ : state) {
    results = map();
    benchmark::DoNotOptimize(results);
  }
  if (!are_squares(values, results)) return state.SkipWithError("the squares are wrong");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kValues));
}

void map_copied_by_workers(benchmark::State& state, int processes) {
  const auto values = make_values();
  royong_bench::SquareWorkers workers(processes, kValues);
  measure_map(state, values, [&] { return workers.map(values); });
}

void map_in_place_by_workers(benchmark::State& state, int processes) {
  const auto values = make_values();
  royong_bench::SquareWorkers workers(processes, kValues);
  std::copy(values.begin(), values.end(), workers.input());
  measure_map(state, values, [&] {
    workers.square_in_place();
    return workers.output();
  });
}

void map_by_tbb(benchmark::State& state) {
  const auto values = make_values();
  tbb::task_arena arena(kWorkers);
  std::vector<int> results(kValues);
  measure_map(state, values, [&] {
    arena.execute([&] {
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, kValues), [&](const auto& range) {
        for (auto i = range.begin(); i != range.end(); ++i) results[i] = square(values[i]);
      });
    });
    return results.data();
  });
}

void map_by_royong(benchmark::State& state) {
  const auto values = make_values();
  mp::Pool pool(kWorkers);
  measure_map(state, values, [&] { return pool.map(square, values); });
}

#ifdef HAVE_SHARED_ARRAYS
void square_range(std::size_t begin, std::size_t end, mp::RawArray<int> in, mp::RawArray<int> out) {
  for (std::size_t i = begin; i < end; ++i) out[i] = in[i] * in[i];
}

void parallel_for_by_royong(benchmark::State& state) {
  const auto values = make_values();
  mp::Pool pool(kWorkers);
  const mp::RawArray<int> in(values);
  const mp::RawArray<int> out(kValues);
  measure_map(state, values, [&] {
    pool.parallel_for(kValues, square_range, in, out);
    return &out[0];
  });
}
#endif

template <class F>
void add_limits(const std::string& row, const std::string& name, F run) {
  for (const int processes : {1, 2}) {
    add_row(row, Kind::limit, name + "_" + std::to_string(processes),
            [run, processes](benchmark::State& state) { run(state, processes); })
        ->UseRealTime();
  }
}

void add_rows() {
  using enum Kind;
  add_limits("T1", "slots_one_by_one", tasks_by_slots<1>);
  add_limits("T1", "slots_by_64", tasks_by_slots<64>);
  add_limits("T1_rings", "one_by_one", tasks_by_rings<1>);
  add_limits("T1_rings", "by_64", tasks_by_rings<64>);
  add_row("T1", peer, "oneTBB_task_group", tasks_by_tbb)->UseRealTime();
  add_row("T1", peer, "std_thread_pool", tasks_by_threads)->UseRealTime();
  add_row("T1", royong, "apply_async", tasks_by_royong)->UseRealTime();

  add_limits("T2", "copied", map_copied_by_workers);
  add_row("T2", peer, "oneTBB_parallel_for", map_by_tbb)->UseRealTime();
  add_row("T2", royong, "map", map_by_royong)->UseRealTime();

  add_limits("T2_shared", "in_place", map_in_place_by_workers);
#ifdef HAVE_SHARED_ARRAYS
  add_row("T2_shared", royong, "parallel_for", parallel_for_by_royong)->UseRealTime();
#endif
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
