// SPDX-License-Identifier: Apache-2.0
// A daemon works in the background for as long as the program runs. Nobody waits for it: it is ended when the program ends.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/sync.hpp>

#include <chrono>
#include <iostream>
#include <thread>

namespace mp = royong;

void background(mp::Event started) {
  std::cout << "the daemon runs" << std::endl;
  started.set();
  for (;;) std::this_thread::sleep_for(std::chrono::seconds(2));  // and would run for ever
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Event started;
  mp::Process process({.name = "background", .daemon = true}, background, started);
  process.start();
  started.wait();
  std::cout << "the program ends, and the daemon with it\n";
}
