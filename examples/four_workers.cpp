// SPDX-License-Identifier: Apache-2.0
// Four processes at once. Start them all before you join the first: they run side by side, in no particular order.
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace mp = royong;

// One string, one write: lines of several processes do not mix.
void worker(int number) { std::cout << "worker " + std::to_string(number) + " runs\n"; }

int main(int argc, char** argv) {
  mp::init(argc, argv);

  std::vector<mp::Process> workers;
  for (int i = 0; i < 4; ++i) workers.emplace_back(worker, i);
  for (auto& process : workers) process.start();
  for (auto& process : workers) process.join();
  std::cout << "all done\n";
}
