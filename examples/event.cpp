// SPDX-License-Identifier: Apache-2.0
// A starting gun: everybody waits for the event, then all run at once.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <iostream>
#include <vector>

namespace mp = royong;

void runner(mp::Event start, mp::Value<int> finished) {
  start.wait();
  finished += 1;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Event start;
  const mp::Value<int> finished;
  std::vector<mp::Process> runners;
  for (int i = 0; i < 3; ++i) runners.emplace_back(runner, start, finished);
  for (auto& process : runners) process.start();

  std::cout << "ready: " << finished.load() << " have finished\n";
  start.set();
  for (auto& process : runners) process.join();
  std::cout << "go: " << finished.load() << " have finished\n";
}
