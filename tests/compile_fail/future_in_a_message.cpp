// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <vector>

#include "royong/future.hpp"
#include "royong/queue.hpp"

struct Order {
  int number;
  std::vector<royong::Future<int>> parts;
};

void pass_on(const royong::Queue<Order>& queue, const Order& order) { queue.put(order); }
