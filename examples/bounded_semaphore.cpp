// SPDX-License-Identifier: Apache-2.0
// A bounded semaphore guards things that exist a number of times: too many releases are an error, and what a killed
// process held comes back.
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/sync.hpp>

#include <chrono>
#include <iostream>
#include <thread>

namespace mp = royong;
using namespace std::chrono_literals;

void take_both_and_hang(mp::BoundedSemaphore printers, mp::Event taken) {
  printers.acquire();
  printers.acquire();
  taken.set();
  std::this_thread::sleep_for(1h);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::BoundedSemaphore printers(2);
  const mp::Event taken;
  mp::Process process(take_both_and_hang, printers, taken);
  process.start();
  taken.wait();
  std::cout << "free printers: " << printers.get_value() << "\n";

  process.kill();
  printers.acquire();  // waits until the death is noticed; no other release will ever come
  process.join();
  printers.release();
  std::cout << "free printers: " << printers.get_value() << "\n";

  try {
    printers.release();
  } catch (const mp::UsageError& error) {
    std::cout << "one release too many is refused\n";
  }
}
