// SPDX-License-Identifier: Apache-2.0
// Futures: results as they come, a task that fails, a task whose worker dies, a task that takes too long.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace mp = royong;
using namespace std::chrono_literals;

int slow_square(int x) {
  std::this_thread::sleep_for(x * 100ms);
  return x * x;
}

int fail(int x) { throw std::out_of_range("no element " + std::to_string(x)); }

int crash() {
  ::kill(::getpid(), SIGSEGV);
  return 0;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::ProcessPoolExecutor executor(4);

  std::vector<mp::Future<int>> futures;
  for (const int x : {3, 1, 2}) futures.push_back(executor.submit(slow_square, x));
  int sum = 0;
  for (auto& future : mp::as_completed(futures)) sum += future.get();  // the quickest first
  std::printf("the sum is %d\n", sum);

  try {
    executor.submit(fail, 7).get();
  } catch (const std::out_of_range& error) {
    std::printf("the task failed: %s\n", error.what());
  }
  try {
    executor.submit({.name = "crash"}, crash).get();
  } catch (const mp::WorkerDied& error) {
    std::printf("%s was lost by signal %d; the pool goes on\n", error.task().c_str(),
                -error.exitcode().value_or(0));
  }
  try {
    executor.submit({.timeout = 200ms}, slow_square, 100).get();
  } catch (const mp::TimeoutError&) {
    std::puts("too slow: stopped");
  }
  std::printf("%d\n", executor.submit(slow_square, 0).get());
}
