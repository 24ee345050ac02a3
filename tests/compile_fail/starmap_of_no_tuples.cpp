// SPDX-License-Identifier: Apache-2.0
// expect: royong: starmap takes each element apart into arguments
#include "royong/pool.hpp"

int add(int a, int b) { return a + b; }

void run(royong::Pool& pool) { pool.starmap(add, std::vector<int>{1, 2}); }
