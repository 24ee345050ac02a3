// SPDX-License-Identifier: Apache-2.0
// One pool of workers for several processes: it lives in the manager's server.
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <cstdlib>
#include <iostream>
#include <vector>

namespace mp = royong;

int square(int x) { return x * x; }
int crash(int) { std::abort(); }

void work(mp::ManagerPool pool, mp::ManagerDict<int, int> squares, int first) {
  const std::vector<int> numbers{first, first + 1, first + 2};
  const std::vector<int> results = pool.map(square, numbers);
  for (std::size_t i = 0; i < numbers.size(); ++i) squares[numbers[i]] = results[i];
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto pool = manager.pool(2);
  const auto squares = manager.dict<int, int>();
  mp::Process first(work, pool, squares, 1);
  mp::Process second(work, pool, squares, 4);
  first.start();
  second.start();
  first.join();
  second.join();
  for (const auto& [number, square] : squares.copy()) std::cout << number << ": " << square << "\n";

  // A task that takes its worker with it fails alone.
  const auto crashed = pool.apply_async(crash, 0);
  const auto fine = pool.apply_async(square, 12);
  try {
    crashed.get();
  } catch (const mp::WorkerDied& death) {
    std::cout << "a worker died: exit code " << death.exitcode().value_or(0) << "\n";
  }
  std::cout << fine.get() << "\n";
}
