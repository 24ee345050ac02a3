// SPDX-License-Identifier: Apache-2.0
// A map with a progress bar: what it draws is for the tests to see.
#include <cstdio>
#include <numeric>
#include <vector>

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/progress.hpp"

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong::Pool pool(2);
  std::vector<int> numbers(40);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto results = pool.map(
      {.chunksize = 4, .progress = royong::Progress::bar("squares")}, [](int x) { return x * x; },
      numbers);
  std::printf("last %d\n", results.back());
}
