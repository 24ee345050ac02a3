// SPDX-License-Identifier: Apache-2.0
// A barrier: three processes compute in steps. Nobody begins a step before all have finished the one before, and one of
// them, whoever comes last, adds up in between.
#include <royong/bind_front.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <chrono>
#include <iostream>
#include <numeric>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

void add_up(mp::RawArray<int> parts, mp::RawValue<int> total) {
  *total = std::accumulate(parts.begin(), parts.end(), 0);
}

void compute(mp::Barrier barrier, mp::RawArray<int> parts, std::size_t mine,
             mp::RawValue<int> total) {
  for (int step = 1; step <= 2; ++step) {
    parts[mine] = step * (static_cast<int>(mine) + 1);
    const int place = barrier.wait();
    if (place == 0) std::cout << "after step " << step << ": " << *total << std::endl;
    barrier.wait();
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::RawArray<int> parts(3);
  const mp::RawValue<int> total;
  const mp::Barrier barrier(3, mp::bind_front(add_up, parts, total));
  std::vector<mp::Process> processes;
  for (std::size_t i = 0; i < 3; ++i) {
    processes.emplace_back(compute, barrier, parts, i, total);
  }
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();

  // Two parties are missing: after a while the barrier breaks, instead of waiting for ever.
  try {
    barrier.wait(50ms);
  } catch (const mp::BrokenBarrierError&) {
    std::cout << "nobody else came\n";
  }
}
