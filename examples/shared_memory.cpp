// SPDX-License-Identifier: Apache-2.0
// Shared memory with a name: who knows the name opens it, in any process of any program, in C++, C or Python.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>

#include <iostream>
#include <string>
#include <system_error>

namespace mp = royong;

// It is told nothing but the name; it might be another program.
void other(const std::string& name) {
  const auto memory = mp::SharedMemory::open(name);
  for (int& number : memory.as<int>()) number *= number;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const auto memory = mp::SharedMemory::create(5 * sizeof(int));
  int n = 0;
  for (int& number : memory.as<int>()) number = ++n;

  mp::Process process(other, memory.name());
  process.start();
  process.join();
  for (const int number : memory.as<int>()) std::cout << number << " ";
  std::cout << "\n";

  // Not needed: the segment would end with this program, also if somebody killed it.
  memory.unlink();
  try {
    mp::SharedMemory::open(memory.name());
  } catch (const std::system_error& error) {
    std::cout << "gone: " << error.code().message() << "\n";
  }
}
