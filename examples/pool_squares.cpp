// SPDX-License-Identifier: Apache-2.0
// A pool of workers shares out a list: the parallel form of a loop.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <iostream>
#include <vector>

namespace mp = royong;

int square(int n) { return n * n; }

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Pool pool(4);  // mp::Pool pool; has one worker for each processor
  const std::vector<int> numbers = {1, 2, 3, 4, 5};

  for (const int n : pool.map(square, numbers)) std::cout << n << " ";
  std::cout << "\n";

  // One call at a time: apply waits, apply_async gives a future that can be asked later.
  auto later = pool.apply_async(square, 12);
  std::cout << pool.apply(square, 11) << " " << later.get() << "\n";
}
