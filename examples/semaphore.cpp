// SPDX-License-Identifier: Apache-2.0
// A semaphore: six processes want to download, three at a time may.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

void download(mp::Semaphore permits, mp::Value<int> now, mp::Value<int> most) {
  const std::scoped_lock permit(permits);
  const int together = now += 1;
  most.update([&](int& seen) { seen = std::max(seen, together); });
  std::this_thread::sleep_for(20ms);
  now -= 1;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Semaphore permits(3);
  const mp::Value<int> now;
  const mp::Value<int> most;
  std::vector<mp::Process> processes;
  for (int i = 0; i < 6; ++i) processes.emplace_back(download, permits, now, most);
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();

  std::cout << "never more than three at a time: " << (most.load() <= 3 ? "yes" : "no") << "\n"
            << "permits now: " << permits.get_value() << "\n";
}
