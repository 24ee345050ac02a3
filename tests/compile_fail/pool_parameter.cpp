// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <utility>

#include "royong/pool.hpp"

int size(const royong::Pool& pool) { return pool.size(); }

royong::Process ask(royong::Pool pool) { return royong::Process(size, std::move(pool)); }
