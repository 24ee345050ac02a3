// SPDX-License-Identifier: Apache-2.0
// Several processes with an event loop each, and many coroutines in every loop. Here they wait for timers; they could be connections.
#include <royong/asio.hpp>
#include <royong/init.hpp>

#include <boost/asio.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mp = royong;
namespace net = boost::asio;
using net::use_awaitable;
using namespace std::chrono_literals;

// Runs in a worker; this_coro::executor is that worker's own loop.
net::awaitable<std::pair<int, std::size_t>> fetch(std::string url) {
  net::steady_timer network(co_await net::this_coro::executor, 200ms);
  co_await network.async_wait(use_awaitable);
  co_return std::pair(static_cast<int>(::getpid()), url.size());
}

// A queue can be read and filled in a loop, too.
net::awaitable<void> report(mp::Queue<std::string> lines) {
  for (;;) {
    const std::string line = co_await mp::async_get(lines, use_awaitable);
    if (line.empty()) co_return;
    std::puts(line.c_str());
  }
}
net::awaitable<void> tell(mp::Queue<std::string> lines, std::vector<std::string> text) {
  for (const auto& line : text) co_await mp::async_put(lines, line, use_awaitable);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  net::io_context loop;
  mp::asio::CoroutinePool pool(loop, 2, {.childconcurrency = 100});

  std::set<int> workers;
  std::size_t bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    pool.async_submit(
        [&](const std::exception_ptr& error, std::pair<int, std::size_t> page) {
          if (error) std::rethrow_exception(error);
          workers.insert(page.first);
          bytes += page.second;
        },
        fetch, "https://example.org/" + std::to_string(1000 + i));
  }
  loop.run();
  const auto time = std::chrono::steady_clock::now() - start;

  const mp::Queue<std::string> lines(1);
  const std::vector<std::string> text{
      std::to_string(bytes) + " bytes by " + std::to_string(workers.size()) + " processes",
      time < 20s ? "200 waits of 200 ms took less than half of their sum" : "all waited in a row",
      ""};
  loop.restart();
  net::co_spawn(loop, tell(lines, text), net::detached);
  net::co_spawn(loop, report(lines), net::detached);
  loop.run();
}
