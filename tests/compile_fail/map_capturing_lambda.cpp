// SPDX-License-Identifier: Apache-2.0
// expect: use royong::bind_front or a struct
#include "royong/pool.hpp"

void run(royong::Pool& pool, int add) {
  pool.map([add](int x) { return x + add; }, std::vector<int>{1, 2});
}
