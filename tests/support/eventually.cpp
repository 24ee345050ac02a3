// SPDX-License-Identifier: Apache-2.0
#include "support/eventually.hpp"

#include <poll.h>

#include <algorithm>  // for std::min
#include <chrono>     // for std::chrono::microseconds
#include <thread>     // for std::this_thread::sleep_for

namespace royong_test {

void eventually(const std::function<bool()>& predicate) {
  using namespace std::chrono_literals;
  for (auto pause = 50us; !predicate(); pause = std::min<std::chrono::microseconds>(2 * pause, 5ms))
    std::this_thread::sleep_for(pause);
}

void eventually(const std::function<bool()>& predicate, int descriptor) {
  while (!predicate()) {
    pollfd event{descriptor, POLLIN, 0};
    ::poll(&event, 1, 5);
  }
}

}  // namespace royong_test
