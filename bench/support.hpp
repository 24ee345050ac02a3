// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What all benchmarks share: how rows are registered, what is reported beside the times, and where it ran.
 */
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>   // for std::chrono::steady_clock
#include <string>   // for std::string
#include <utility>  // for std::forward
#include <vector>   // for std::vector

namespace royong_bench {

/// Who is measured in a row of the table of goals: bench/report.py sets them beside each other.
enum class Kind { limit, peer, royong };

/// Median of the absolute deviations from the median: what one repetition differs from the next.
double median_absolute_deviation(const std::vector<double>& values);

/** @brief Registers "T1/peer/oneTBB": five repetitions, of which median and deviation are reported.
 *
 *  The caller adds UseRealTime() or UseManualTime().
 */
template <class F>
benchmark::internal::Benchmark* add_row(const std::string& row, Kind kind, const std::string& name,
                                        F&& f) {
  const char* kinds[] = {"limit", "peer", "royong"};
  return benchmark::RegisterBenchmark(
             (row + "/" + kinds[static_cast<int>(kind)] + "/" + name).c_str(), std::forward<F>(f))
      ->Repetitions(5)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("mad", median_absolute_deviation)
      ->MinTime(0.2);
}

/// Collects how long single operations took, and reports p50, p99 and p99.9 in microseconds.
class Latencies {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Clock::duration time) { nanoseconds_.push_back(static_cast<double>(time.count())); }
  /// Times one call.
  template <class F>
  Clock::duration time(F&& f) {
    const auto start = Clock::now();
    std::forward<F>(f)();
    const auto taken = Clock::now() - start;
    add(taken);
    return taken;
  }
  void report(benchmark::State& state);

 private:
  std::vector<double> nanoseconds_;
};

/** @brief Runs what was registered. Call it after royong::init.
 *
 *  The output's context tells the processor, the kernel, the compiler, the commit, the governor and the load.
 */
int run_benchmarks(int argc, char** argv);

}  // namespace royong_bench
