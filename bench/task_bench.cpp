// SPDX-License-Identifier: Apache-2.0
// Rows T3 (coarse tasks), T4 (large results), T5 (one task's round trip), T6 (as_completed). Two workers everywhere,
// unless one is said.
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>  // for std::max
#include <chrono>     // for std::chrono::steady_clock
#include <cstdint>    // for std::uint64_t
#include <cstring>    // for std::memcpy
#include <deque>      // for std::deque
#include <future>     // for std::future
#include <numeric>    // for std::iota
#include <string>     // for std::to_string
#include <thread>     // for std::this_thread::sleep_for
#include <vector>     // for std::vector

#include "peers/block_workers.hpp"
#include "peers/mailbox.hpp"
#include "peers/thread_pool.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/shared.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
using Clock = std::chrono::steady_clock;
namespace mp = royong;

constexpr int kWorkers = 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// ---- T3: 64 tasks of some milliseconds ----

constexpr std::uint64_t kCoarse = 64;

std::uint64_t grind(std::uint64_t seed) {
  std::uint64_t x = seed + 1;
  for (int i = 0; i < 2'000'000; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

std::uint64_t grind_all() {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < kCoarse; ++i) sum += grind(i);
  return sum;
}

const std::uint64_t& coarse_sum() {
  static const std::uint64_t sum = grind_all();
  return sum;
}

template <class F>
void measure_coarse(benchmark::State& state, F run) {
  coarse_sum();
  for (auto _ : state) {
    if (run() != coarse_sum()) return state.SkipWithError("the sum of the results is wrong");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCoarse));
}

/// The work itself on one thread, as if it went perfectly on two.
void coarse_halved(benchmark::State& state) {
  for (auto _ : state) {
    const auto start = Clock::now();
    if (grind_all() != coarse_sum()) return state.SkipWithError("the sum of the results is wrong");
    state.SetIterationTime(seconds_since(start) / kWorkers);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCoarse));
}

void coarse_by_tbb(benchmark::State& state) {
  tbb::task_arena arena(kWorkers);
  std::vector<std::uint64_t> results(kCoarse);
  measure_coarse(state, [&] {
    arena.execute([&] {
      tbb::task_group group;
      for (std::uint64_t i = 0; i < kCoarse; ++i)
        group.run([&results, i] { results[i] = grind(i); });
      group.wait();
    });
    return std::accumulate(results.begin(), results.end(), std::uint64_t{0});
  });
}

#ifdef _OPENMP
void coarse_by_openmp(benchmark::State& state) {
  measure_coarse(state, [] {
    std::uint64_t sum = 0;
#pragma omp parallel for num_threads(kWorkers) schedule(dynamic) reduction(+ : sum)
    for (std::uint64_t i = 0; i < kCoarse; ++i) sum += grind(i);
    return sum;
  });
}
#endif

template <class Submit>
std::uint64_t sum_of(std::uint64_t tasks, Submit submit) {
  std::vector<decltype(submit(std::uint64_t{}))> futures;
  futures.reserve(tasks);
  for (std::uint64_t i = 0; i < tasks; ++i) futures.push_back(submit(i));
  std::uint64_t sum = 0;
  for (auto& future : futures) sum += future.get();
  return sum;
}

void coarse_by_threads(benchmark::State& state) {
  royong_bench::ThreadPool pool(kWorkers);
  measure_coarse(state, [&] {
    return sum_of(kCoarse, [&](std::uint64_t i) { return pool.submit([i] { return grind(i); }); });
  });
}

void coarse_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  measure_coarse(state, [&] {
    return sum_of(kCoarse, [&](std::uint64_t i) { return pool.apply_async(grind, i); });
  });
}

// ---- T4: 1,000 results of 1 MiB, of which some are under way at a time ----

constexpr std::size_t kBlocks = 1000;
constexpr std::size_t kBlock = 1 << 20;
constexpr std::size_t kUnderWay = 16;

std::vector<char> make_block(std::size_t i) {
  return std::vector<char>(kBlock, static_cast<char>(i % 128));
}

bool is_block(const char* bytes, std::size_t i) {
  const char expected = static_cast<char>(i % 128);
  return bytes[0] == expected && bytes[kBlock / 2] == expected && bytes[kBlock - 1] == expected;
}

template <class F>
void measure_blocks(benchmark::State& state, F run) {
  for (auto _ : state) {
    if (!run()) return state.SkipWithError("a result is wrong");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBlocks));
}

template <bool copy>
void blocks_by_hand(benchmark::State& state) {
  royong_bench::BlockWorkers workers(kWorkers, kBlock);
  std::vector<char> own(kBlock);
  measure_blocks(state, [&] {
    bool fine = true;
    workers.take(kBlocks, [&](const char* bytes, std::size_t i) {
      if (copy) std::memcpy(own.data(), bytes, kBlock);
      fine &= is_block(copy ? own.data() : bytes, i);
    });
    return fine;
  });
}

/// Keeps so many under way; `data(result)` is where the bytes of a result are.
template <class Submit, class Data>
bool take_blocks(Submit submit, Data data) {
  std::deque<decltype(submit(std::size_t{}))> futures;
  bool fine = true;
  for (std::size_t submitted = 0, taken = 0; taken < kBlocks; ++taken) {
    for (; submitted < kBlocks && futures.size() < kUnderWay; ++submitted)
      futures.push_back(submit(submitted));
    const auto result = std::move(futures.front()).get();
    futures.pop_front();
    fine &= is_block(data(result), taken);
  }
  return fine;
}

void blocks_by_threads(benchmark::State& state) {
  royong_bench::ThreadPool pool(kWorkers);
  measure_blocks(state, [&] {
    return take_blocks([&](std::size_t i) { return pool.submit([i] { return make_block(i); }); },
                       [](const auto& block) { return block.data(); });
  });
}

#ifdef _OPENMP
/// One thread makes tasks and takes their results; it works at them while it waits.
void blocks_by_openmp(benchmark::State& state) {
#pragma omp parallel num_threads(kWorkers)
#pragma omp single
  measure_blocks(state, [&] {
    bool fine = true;
    std::vector<std::vector<char>> results(kUnderWay);
    for (std::size_t taken = 0; taken < kBlocks;) {
      for (std::size_t i = 0; i < kUnderWay; ++i) {
#pragma omp task shared(results) firstprivate(i, taken)
        results[i] = make_block(taken + i);
      }
#pragma omp taskwait
      for (std::size_t i = 0; i < kUnderWay && taken < kBlocks; ++i, ++taken)
        fine &= is_block(results[i].data(), taken);
    }
    return fine;
  });
}
#endif

void blocks_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  measure_blocks(state, [&] {
    return take_blocks([&](std::size_t i) { return pool.apply_async(make_block, i); },
                       [](const auto& block) { return block.data(); });
  });
}

/// The other way: each argument is 1 MiB, the result says that it came.
bool take_block(const std::vector<char>& block, std::size_t i) { return is_block(block.data(), i); }

void arguments_by_threads(benchmark::State& state) {
  royong_bench::ThreadPool pool(kWorkers);
  const std::vector<char> block = make_block(5);
  measure_blocks(state, [&] {
    bool fine = true;
    std::deque<std::future<bool>> futures;
    for (std::size_t submitted = 0, taken = 0; taken < kBlocks; ++taken) {
      for (; submitted < kBlocks && futures.size() < kUnderWay; ++submitted)
        futures.push_back(pool.submit([own = block] { return take_block(own, 5); }));
      fine &= futures.front().get();
      futures.pop_front();
    }
    return fine;
  });
}

void arguments_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  const std::vector<char> block = make_block(5);
  measure_blocks(state, [&] {
    bool fine = true;
    std::deque<mp::Future<bool>> futures;
    for (std::size_t submitted = 0, taken = 0; taken < kBlocks; ++taken) {
      for (; submitted < kBlocks && futures.size() < kUnderWay; ++submitted)
        futures.push_back(pool.apply_async(take_block, block, std::size_t{5}));
      fine &= futures.front().get();
      futures.pop_front();
    }
    return fine;
  });
}

mp::RawArray<char> make_shared_block(std::size_t i) {
  const mp::RawArray<char> block(kBlock);
  std::memset(&block[0], static_cast<int>(i % 128), kBlock);
  return block;
}

void shared_blocks_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  measure_blocks(state, [&] {
    return take_blocks([&](std::size_t i) { return pool.apply_async(make_shared_block, i); },
                       [](const auto& block) { return &block[0]; });
  });
}

// ---- T5: submit one, wait for it ----

std::uint64_t successor(std::uint64_t i) { return i + 1; }

// Long enough for the scheduler to spread the processes over the processors.
constexpr int kTrips = 100'000;
constexpr int kSleepyTrips = 60;
constexpr std::chrono::milliseconds kNap{3};  // long enough for the worker to sleep

/// The time of an iteration is the median of its trips.
template <class F>
void measure_trips(benchmark::State& state, bool asleep, F ask) {
  royong_bench::Latencies latencies;
  std::uint64_t number = 0;
  for (auto _ : state) {
    std::vector<double> times;
    for (int i = asleep ? kSleepyTrips : kTrips; i > 0; --i) {
      if (asleep) std::this_thread::sleep_for(kNap);
      std::uint64_t answer = 0;
      const auto taken = latencies.time([&] { answer = ask(number); });
      if (answer != ++number) return state.SkipWithError("a result is wrong");
      times.push_back(std::chrono::duration<double>(taken).count());
    }
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    state.SetIterationTime(times[times.size() / 2]);
  }
  latencies.report(state);
}

template <bool sleep>
void trips_by_mailbox(benchmark::State& state, bool asleep) {
  royong_bench::Mailbox<sleep> mailbox;
  measure_trips(state, asleep, [&](std::uint64_t i) { return mailbox.ask(i); });
}

void trips_by_threads(benchmark::State& state, bool asleep) {
  royong_bench::ThreadPool pool(1);
  measure_trips(state, asleep,
                [&](std::uint64_t i) { return pool.submit([i] { return successor(i); }).get(); });
}

void trips_by_tbb(benchmark::State& state, bool asleep) {
  tbb::task_arena arena(kWorkers);
  measure_trips(state, asleep, [&](std::uint64_t i) {
    std::uint64_t result = 0;
    arena.execute([&] {
      tbb::task_group group;
      group.run([&] { result = successor(i); });
      group.wait();
    });
    return result;
  });
}

#ifdef _OPENMP
void trips_by_openmp(benchmark::State& state, bool asleep) {
#pragma omp parallel num_threads(kWorkers)
#pragma omp single
  measure_trips(state, asleep, [](std::uint64_t i) {
    std::uint64_t result = 0;
#pragma omp task shared(result) firstprivate(i)
    result = successor(i);
#pragma omp taskwait
    return result;
  });
}
#endif

void trips_by_royong(benchmark::State& state, bool asleep) {
  mp::Pool pool(1);
  measure_trips(state, asleep,
                [&](std::uint64_t i) { return pool.apply_async(successor, i).get(); });
}

// ---- T6: what as_completed adds to T1 ----

constexpr std::uint64_t kTasks = 100'000;
constexpr std::uint64_t kSum = kTasks * (kTasks + 1) / 2;

void as_completed_by_royong(benchmark::State& state) {
  mp::Pool pool(kWorkers);
  const auto submit = [&](std::uint64_t i) { return pool.apply_async(successor, i); };
  for (auto _ : state) {
    auto start = Clock::now();
    if (sum_of(kTasks, submit) != kSum) return state.SkipWithError("the sum is wrong");
    const double in_order = seconds_since(start);
    start = Clock::now();
    std::vector<mp::Future<std::uint64_t>> futures;
    futures.reserve(kTasks);
    for (std::uint64_t i = 0; i < kTasks; ++i) futures.push_back(submit(i));
    std::uint64_t sum = 0;
    for (auto& future : mp::as_completed(futures)) sum += future.get();
    if (sum != kSum) return state.SkipWithError("the sum is wrong");
    state.SetIterationTime(std::max(seconds_since(start) - in_order, 1e-9) /
                           static_cast<double>(kTasks));
  }
}

/// For what measures many operations itself: once in each repetition.
void once(benchmark::internal::Benchmark* benchmark) { benchmark->UseManualTime()->MinTime(1e-9); }

void add_rows() {
  using enum Kind;
  add_row("T3", limit, "half_of_serial", coarse_halved)->UseManualTime();
  add_row("T3", peer, "oneTBB", coarse_by_tbb)->UseRealTime();
#ifdef _OPENMP
  add_row("T3", peer, "OpenMP", coarse_by_openmp)->UseRealTime();
#endif
  add_row("T3", peer, "std_thread_pool", coarse_by_threads)->UseRealTime();
  add_row("T3", royong, "apply_async", coarse_by_royong)->UseRealTime();

  add_row("T4", limit, "copied", blocks_by_hand<true>)->UseRealTime();
  add_row("T4", peer, "std_thread_pool", blocks_by_threads)->UseRealTime();
#ifdef _OPENMP
  add_row("T4", peer, "OpenMP", blocks_by_openmp)->UseRealTime();
#endif
  add_row("T4", royong, "vector", blocks_by_royong)->UseRealTime();
  add_row("T4_arguments", peer, "std_thread_pool", arguments_by_threads)->UseRealTime();
  add_row("T4_arguments", royong, "vector", arguments_by_royong)->UseRealTime();
  add_row("T4_shared", limit, "in_place", blocks_by_hand<false>)->UseRealTime();
  add_row("T4_shared", royong, "handle", shared_blocks_by_royong)->UseRealTime();

  const auto add_trips = [](const std::string& row, bool asleep) {
    const auto with = [asleep](auto run) {
      return [run, asleep](benchmark::State& state) { run(state, asleep); };
    };
    if (asleep) {
      once(add_row(row, limit, "futex", with(trips_by_mailbox<true>)));
    } else {
      once(add_row(row, limit, "spinning", with(trips_by_mailbox<false>)));
    }
    once(add_row(row, peer, "std_thread_pool", with(trips_by_threads)));
    once(add_row(row, peer, "oneTBB", with(trips_by_tbb)));
#ifdef _OPENMP
    once(add_row(row, peer, "OpenMP", with(trips_by_openmp)));
#endif
    once(add_row(row, royong, "apply", with(trips_by_royong)));
  };
  add_trips("T5", false);
  add_trips("T5_asleep", true);

  once(add_row("T6", royong, "as_completed", as_completed_by_royong));
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
