// SPDX-License-Identifier: Apache-2.0
// A short list of mixed values that several programs see, and may change item by item.
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

void worker(const std::string& name) {
  const auto list = mp::ShareableList::open(name);
  list[0] = "done";                           // a text within the room of the first one
  list[1] = list[1].get<std::int64_t>() + 1;  // a number
  list[-1] = true;                            // another type than before
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::ShareableList list("waiting", 41, 0.5, nullptr);
  mp::Process process(worker, list.shm().name());
  process.start();
  process.join();

  std::cout << list[0].get<std::string>() << " " << list[1].get<std::int64_t>() << " "
            << list[2].get<double>() << " " << std::boolalpha << list[3].get<bool>() << "\n";
  std::cout << list.count(42) << " times 42, at " << list.index(42) << "\n";
  try {
    list[0] = "this is much too long";
  } catch (const mp::UsageError& error) {
    std::cout << error.what() << "\n";
  }
}
