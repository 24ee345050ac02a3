// SPDX-License-Identifier: Apache-2.0
// A process sends back what it has found.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/queue.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

void greet(mp::SimpleQueue<std::string> greetings, std::string name) {
  greetings.put("Halo, " + name + "!");
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::SimpleQueue<std::string> greetings;
  mp::Process process(greet, greetings, "dunia");
  process.start();
  std::cout << greetings.get() << "\n";
  process.join();
  std::cout << (greetings.empty() ? "that was all" : "there is more") << "\n";
}
