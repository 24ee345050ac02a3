// SPDX-License-Identifier: Apache-2.0
// expect: royong: imap yields results: use map for a function that returns nothing
#include "royong/pool.hpp"

void nothing(int) {}

void run(royong::Pool& pool) { pool.imap(nothing, std::vector<int>{1, 2}); }
