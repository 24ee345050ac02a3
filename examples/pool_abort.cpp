// SPDX-License-Identifier: Apache-2.0
// A long task: how far it is, and how to stop it. One that listens tidies up; one that does not is killed.
#include <royong/event.hpp>
#include <royong/init.hpp>
#include <royong/pool.hpp>
#include <royong/queue.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

namespace mp = royong;
using namespace std::chrono_literals;

// Improves a solution until nobody wants it any more.
int improve(const mp::Queue<std::string>& log, const mp::Event& half_way) {
  int steps = 0;
  while (!mp::this_task::stop_requested()) {
    mp::this_task::progress(++steps < 50 ? static_cast<std::size_t>(steps) : 50, 100);
    if (steps == 50) half_way.set();
    std::this_thread::sleep_for(1ms);
  }
  log.put("tidied up");
  return steps;
}

int hang() {
  for (;;) std::this_thread::sleep_for(1h);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2);
  const mp::Queue<std::string> log;
  const mp::Event half_way;

  const auto polite = pool.apply_async({.name = "polite"}, improve, log, half_way);
  const auto stuck = pool.apply_async({.name = "stuck"}, hang);
  half_way.wait();
  std::printf("%zu of %zu\n", polite.progress().done, polite.progress().total);

  polite.abort(10s);  // has ten seconds to end by itself
  stuck.abort();
  for (const auto& future : {polite, stuck}) {
    try {
      future.get();
    } catch (const mp::CancelledError& error) {
      std::puts(error.what());
    }
  }
  std::puts(log.get().c_str());
  std::printf("the pool has %d workers\n", pool.size());
}
