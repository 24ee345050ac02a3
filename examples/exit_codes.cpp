// SPDX-License-Identifier: Apache-2.0
// How a process ended: 0 to 255 as it said itself, -N when signal N killed it.
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace mp = royong;

void fine() {}
void leave() { std::exit(3); }
void fail() { throw std::runtime_error("this goes to stderr, with a traceback"); }
void crash() { std::abort(); }
void sleep_long() { std::this_thread::sleep_for(std::chrono::hours(1)); }

int run(void (*function)()) {
  mp::Process process(function);
  process.start();
  process.join();
  return process.exitcode().value();
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  std::cout << "returned:             " << run(fine) << "\n";
  std::cout << "std::exit(3):         " << run(leave) << "\n";
  std::cout << "an exception:         " << run(fail) << "\n";
  std::cout << "std::abort():         " << run(crash) << "\n";

  mp::Process sleeper(sleep_long);
  sleeper.start();
  std::cout << "while it runs:        " << (sleeper.exitcode() ? "a code" : "none") << "\n";
  sleeper.terminate();
  sleeper.join();
  std::cout << "terminate(), SIGTERM: " << sleeper.exitcode().value() << "\n";

  mp::Process other(sleep_long);
  other.start();
  other.kill();
  other.join();
  std::cout << "kill(), SIGKILL:      " << other.exitcode().value() << "\n";
}
