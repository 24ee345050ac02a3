// SPDX-License-Identifier: Apache-2.0
// A condition: one process waits until another has changed what a lock guards, here until a kitchen has cooked.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <iostream>
#include <mutex>

namespace mp = royong;

void cook(mp::Condition kitchen, mp::RawValue<int> plates, int orders) {
  for (int i = 0; i < orders; ++i) {
    const std::scoped_lock guard(kitchen);
    kitchen.wait_for([&] { return *plates < 2; });  // there is room for two on the counter
    *plates += 1;
    kitchen.notify();
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Condition kitchen;
  const mp::RawValue<int> plates;
  constexpr int orders = 5;
  mp::Process cooking(cook, kitchen, plates, orders);
  cooking.start();

  for (int served = 0; served < orders;) {
    const std::scoped_lock guard(kitchen);
    kitchen.wait_for([&] { return *plates > 0; });
    *plates -= 1;
    std::cout << "plate " << ++served << " is served\n";
    kitchen.notify();
  }
  cooking.join();
  std::cout << "left on the counter: " << *plates << "\n";
}
