// SPDX-License-Identifier: Apache-2.0
// run_in_executor: an event loop stays responsive while workers compute; a deadline by a timer of the loop.
#include <royong/asio.hpp>
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

namespace mp = royong;
namespace net = boost::asio;
using net::use_awaitable;
using namespace std::chrono_literals;
using namespace net::experimental::awaitable_operators;

int compute(int x) {
  std::this_thread::sleep_for(200ms);  // stands for work that would block the loop
  if (x < 0) throw std::invalid_argument("compute: " + std::to_string(x) + " is negative");
  return x * x;
}
int hang() {
  for (;;) ::pause();
}

net::awaitable<void> tick(int& ticks) {
  net::steady_timer timer(co_await net::this_coro::executor);
  for (;;) {
    timer.expires_after(10ms);
    co_await timer.async_wait(use_awaitable);
    ++ticks;
  }
}

net::awaitable<void> serve(mp::Pool& pool) {
  // Two tasks at once.
  auto [four, nine] = co_await (mp::async_submit(pool, use_awaitable, compute, 2) &&
                                mp::async_submit(pool, use_awaitable, compute, 3));
  std::printf("%d %d\n", four, nine);

  // Errors are exceptions.
  try {
    co_await mp::async_submit(pool, use_awaitable, compute, -1);
  } catch (const std::invalid_argument& error) {
    std::puts(error.what());
  }

  // Whoever is first: the task that loses is stopped.
  net::steady_timer limit(co_await net::this_coro::executor, 100ms);
  const auto first =
      co_await (mp::async_submit(pool, use_awaitable, hang) || limit.async_wait(use_awaitable));
  std::puts(first.index() == 1 ? "too slow" : "in time");
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2);
  net::io_context loop;
  int ticks = 0;
  net::co_spawn(loop, serve(pool) || tick(ticks), net::detached);
  loop.run();
  std::puts(ticks >= 10 ? "the loop was never blocked" : "the loop was blocked");
}
