// SPDX-License-Identifier: Apache-2.0
// The first program of every tutorial: a function that runs in a process of its own.
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

void hello(const std::string& name) { std::cout << "hello, " << name << ", from a process\n"; }

int main(int argc, char** argv) {
  mp::init(argc, argv);  // always the first line of main: workers begin here, too

  mp::Process process(hello, "world");
  process.start();
  process.join();
  std::cout << "it ended with code " << process.exitcode().value() << "\n";
}
