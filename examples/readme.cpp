// SPDX-License-Identifier: Apache-2.0
// The program that the README begins with.
#include <iostream>
#include <royong/royong.hpp>
#include <vector>

namespace mp = royong;

int main(int argc, char** argv) {
  mp::init(argc, argv);  // first line of main: a worker process begins, and ends, here

  mp::Pool pool;  // one worker process for each processor
  for (int y : pool.map([](int x) { return x * x; }, std::vector{1, 2, 3})) {
    std::cout << y << '\n';
  }
}
