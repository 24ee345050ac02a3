// SPDX-License-Identifier: Apache-2.0
// Calls std::exit in another thread than main's, which uses a pool. Arguments: start method; what main does meanwhile: "map", "apply",
// "get" (of futures as they are completed), "make" (one pool after the other), "close"; or "task": a task's thread calls it, in its worker.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "royong/error.hpp"
#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace {

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

void exit_from_thread(int code, useconds_t when) {
  std::thread([=] {
    ::usleep(when);
    std::exit(code);
  }).detach();
}

int take_a_while(int x) {
  ::usleep(1000);
  return x;
}

int exit_from_thread_of_worker() {
  exit_from_thread(9, 0);
  wait_for_ever();
}

int tell_of_task(royong::StartMethod method) {
  royong::Pool pool(2, {.start_method = method});
  const auto lost = pool.apply_async(exit_from_thread_of_worker);
  try {
    lost.get();
    return 1;
  } catch (const royong::WorkerDied& error) {
    std::printf("worker ended with %d\n", error.exitcode().value());
  }
  // Its place is taken by another.
  std::printf("then %d\n", pool.apply(take_a_while, 4));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const std::string_view what = argv[2];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  if (what == "task") return tell_of_task(method);

  // Never destroyed: main does not come to its end.
  auto& pool = *new royong::Pool(2, {.start_method = method});
  const std::vector<int> numbers(5000, 3);
  exit_from_thread(7, 30'000);
  // Nothing is caught: main is told nothing of an exit that is another thread's.
  if (what == "map") pool.map(take_a_while, numbers);
  while (what == "apply") pool.apply(take_a_while, 3);
  while (what == "make") royong::Pool(2, {.start_method = method}).apply(take_a_while, 3);
  while (what == "get") {
    std::vector<royong::Future<int>> futures;
    for (int i = 0; i < 10; ++i) futures.push_back(pool.apply_async(take_a_while, i));
    for (auto& future : royong::as_completed(futures)) future.get();
  }
  if (what == "close") {
    for (const int x : numbers) pool.apply_async(take_a_while, x);
    pool.close();
    pool.join();
  }
  wait_for_ever();
}
