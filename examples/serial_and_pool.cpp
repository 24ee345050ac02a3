// SPDX-License-Identifier: Apache-2.0
// The tutorial's comparison: 10,000 items one after the other, then by a pool. Only one line changes.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <vector>

namespace mp = royong;

// Length of the Collatz sequence that begins at n.
int collatz(int n) {
  int steps = 0;
  for (long x = n; x != 1; ++steps) x = x % 2 == 0 ? x / 2 : 3 * x + 1;
  return steps;
}

template <class F>
std::vector<int> timed(const char* what, F f) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<int> results = f();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  std::fprintf(stderr, "%-7s %.1f ms\n", what, time.count());
  return results;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  std::vector<int> items(10'000);
  std::iota(items.begin(), items.end(), 1);

  const auto serial = timed("serial", [&] {
    std::vector<int> results(items.size());
    std::transform(items.begin(), items.end(), results.begin(), collatz);
    return results;
  });
  mp::Pool pool;  // as many workers as processors
  const auto parallel = timed("pool", [&] { return pool.map(collatz, items); });

  const auto longest = std::max_element(parallel.begin(), parallel.end()) - parallel.begin();
  std::printf("%zu items, %s; the longest sequence begins at %d\n", parallel.size(),
              serial == parallel ? "the same results" : "different results",
              items[static_cast<std::size_t>(longest)]);
}
