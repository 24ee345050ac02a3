// SPDX-License-Identifier: Apache-2.0
// What a pool has done, in numbers and as a trace that ui.perfetto.dev opens.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <vector>

namespace mp = royong;

int square(int x) { return x * x; }
int crash() { std::abort(); }

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const auto trace = std::filesystem::temp_directory_path() / "royong-example-trace.json";
  {
    mp::Pool pool(2, {.name = "squarer", .trace = trace});
    std::vector<int> numbers(20);
    std::iota(numbers.begin(), numbers.end(), 0);
    pool.map({.chunksize = 1}, square, numbers);
    try {
      pool.apply({.name = "crash", .retries = 1}, crash);
    } catch (const mp::WorkerDied& error) {
      std::printf("%s was lost\n", error.task().c_str());
    }
    const mp::PoolStats stats = pool.stats();
    std::printf("%llu submitted, %llu done, %llu failed, %llu retried\n",
                static_cast<unsigned long long>(stats.submitted),
                static_cast<unsigned long long>(stats.done),
                static_cast<unsigned long long>(stats.failed),
                static_cast<unsigned long long>(stats.retried));
    std::printf("%llu deaths, %zu waiting, %zu workers\n",
                static_cast<unsigned long long>(stats.deaths), stats.queue_depth,
                stats.busy.size());
  }
  std::printf("there is a trace: %s\n", std::filesystem::file_size(trace) > 0 ? "yes" : "no");
  std::filesystem::remove(trace);
}
