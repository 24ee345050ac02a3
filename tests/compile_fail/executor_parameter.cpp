// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <utility>

#include "royong/pool.hpp"

int size(const royong::ProcessPoolExecutor& executor) { return executor.size(); }

auto ask(royong::Pool& pool, royong::ProcessPoolExecutor executor) {
  return pool.apply_async(size, std::move(executor));
}
