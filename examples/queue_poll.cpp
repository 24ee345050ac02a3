// SPDX-License-Identifier: Apache-2.0
// An event loop that waits for a queue and for something else at once: here, for the end of a process.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/queue.hpp>

#include <poll.h>

#include <iostream>
#include <vector>

namespace mp = royong;

void measure(mp::Queue<std::vector<float>> samples) {
  for (int i = 1; i <= 3; ++i) samples.put(std::vector<float>(100'000, static_cast<float>(i)));
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Queue<std::vector<float>> samples;
  mp::Process process(measure, samples);
  process.start();

  pollfd watched[] = {{samples.fileno(), POLLIN, 0}, {process.sentinel(), POLLIN, 0}};
  for (bool running = true; running || !samples.empty();) {
    if (poll(watched, 2, -1) <= 0) continue;
    if (watched[0].revents != 0) {
      const auto view = samples.get_view();  // 400,000 bytes, read where they lie
      std::cout << view.size() << " samples of " << view[0] << "\n";
    } else {
      running = false;
    }
  }
  process.join();
}
