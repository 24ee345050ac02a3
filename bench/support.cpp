// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <sys/utsname.h>

#include <algorithm>  // for std::sort
#include <array>      // for std::array
#include <cmath>      // for std::abs
#include <cstdio>     // for ::popen
#include <fstream>    // for std::ifstream
#include <memory>     // for std::unique_ptr

namespace royong_bench {
namespace {

double quantile(std::vector<double> values, double which) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::lround(which * last))];
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line.empty() ? "unknown" : line;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string output_of(const char* command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command, "r"), ::pclose);
  std::array<char, 256> line{};
  if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return "unknown";
  std::string text = line.data();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void add_context() {
  utsname system{};
  ::uname(&system);
  benchmark::AddCustomContext("processor", processor());
  benchmark::AddCustomContext("kernel", std::string(system.sysname) + " " + system.release);
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("commit", output_of("git describe --always --dirty 2>/dev/null"));
  benchmark::AddCustomContext("governor",
                              first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
  benchmark::AddCustomContext("load", first_line("/proc/loadavg"));
  benchmark::AddCustomContext("pinned", "no");
}

}  // namespace

double median_absolute_deviation(const std::vector<double>& values) {
  const double median = quantile(values, 0.5);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - median));
  return quantile(deviations, 0.5);
}

void Latencies::report(benchmark::State& state) {
  state.counters["p50_us"] = quantile(nanoseconds_, 0.5) / 1000;
  state.counters["p99_us"] = quantile(nanoseconds_, 0.99) / 1000;
  state.counters["p99.9_us"] = quantile(nanoseconds_, 0.999) / 1000;
}

int run_benchmarks(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add_context();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace royong_bench
