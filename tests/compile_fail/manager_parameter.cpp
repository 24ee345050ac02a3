// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <utility>

#include "royong/manager.hpp"
#include "royong/pool.hpp"

void use(const royong::Manager&) {}

auto ask(royong::Pool& pool, royong::Manager manager) {
  return pool.apply_async(use, std::move(manager));
}
