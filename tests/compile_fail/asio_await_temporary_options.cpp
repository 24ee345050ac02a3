// SPDX-License-Identifier: Apache-2.0
// expect: royong: GCC before version 13 destroys temporaries of a co_await expression twice
// expect: give the options, the callable with bound values, and aggregates among the arguments a name first
// compilers: GNU<13
#include <boost/asio/use_awaitable.hpp>

#include "royong/asio.hpp"

int square(int x) { return x * x; }

boost::asio::awaitable<int> await(royong::Pool& pool) {
  co_return co_await royong::async_submit(pool, boost::asio::use_awaitable, {.name = "square"},
                                          square, 3);
}
