// SPDX-License-Identifier: Apache-2.0
// expect: royong: a task of a CoroutinePool is a coroutine: it returns boost::asio::awaitable<R>
#include <boost/asio/use_future.hpp>

#include "royong/asio.hpp"

int square(int x) { return x * x; }

void submit(royong::asio::CoroutinePool& pool) {
  pool.async_submit(boost::asio::use_future, square, 3);
}
