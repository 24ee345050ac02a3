// SPDX-License-Identifier: Apache-2.0
// Calls with progress bars: what they draw is for the tests to see.
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/progress.hpp"

namespace mp = royong;

namespace {

int square(int x) { return x * x; }

/// Each form of the map family, and as_completed, to its end.
void all_forms(mp::Pool& pool, const std::vector<int>& numbers) {
  const auto bar = [](const char* label) {
    return mp::MapOptions{.chunksize = 4, .progress = mp::Progress::bar(label)};
  };
  pool.starmap(
      bar("starmap"), [](int a, int b) { return a + b; },
      std::vector<std::pair<int, int>>{{1, 2}, {3, 4}});
  for (auto& result : pool.imap(bar("imap"), square, numbers)) (void)result;
  for (auto& result : pool.imap_unordered(bar("unordered"), square, numbers)) (void)result;
  pool.parallel_for(bar("for"), numbers.size(), [](std::size_t, std::size_t) {});
  pool.map_async(bar("async"), square, numbers).get();
  std::vector<mp::Future<int>> futures;
  for (const int x : numbers) futures.push_back(pool.apply_async(square, x));
  for (auto& future : mp::as_completed(futures, mp::forever, mp::Progress::bar("completed")))
    (void)future;
}

/// Bars in the loop of another bar.
void nested(mp::Pool& pool, const std::vector<int>& numbers) {
  const mp::Progress outer = mp::Progress::bar("outer");
  outer.start(3);
  for (std::size_t i = 1; i <= 3; ++i) {
    pool.map({.progress = mp::Progress::bar("inner")}, square, numbers);
    outer.update(i);
  }
  outer.finish();
}

/// Longer than a bar waits until it is drawn again.
void sleep_150_ms(int) { std::this_thread::sleep_for(std::chrono::milliseconds(150)); }

/// A bar in a worker.
int of_worker(int x) {
  const mp::Progress mine = mp::Progress::bar("worker");
  mine.start(1);
  mine.finish();
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::string_view what = argc > 1 ? argv[1] : "map";
  {
    mp::Pool pool(2);
    std::vector<int> numbers(40);
    std::iota(numbers.begin(), numbers.end(), 0);
    if (what == "all") all_forms(pool, numbers);
    if (what == "nested") nested(pool, numbers);
    if (what == "worker") pool.map(of_worker, numbers);
    if (what == "slow") {
      pool.map({.chunksize = 1, .progress = mp::Progress::bar("slow")}, sleep_150_ms,
               std::vector<int>(4));
    }
    if (what == "map") {
      const auto results =
          pool.map({.chunksize = 4, .progress = mp::Progress::bar("squares")}, square, numbers);
      std::printf("last %d\n", results.back());
    }
  }
  std::printf("end\n");
}
