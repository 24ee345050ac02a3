// SPDX-License-Identifier: Apache-2.0
// A namespace: named values of different types, which any process may read and change.
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

void work(mp::Namespace shared) {
  const int x = shared["x"];
  shared["x"] = x + 1;
  shared["message"] = "seen by a worker";  // a std::string
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto shared = manager.ns();
  shared["x"] = 10;
  shared["y"] = 2.5;

  mp::Process process(work, shared);
  process.start();
  process.join();

  for (auto& name : shared.names()) std::cout << name << "\n";
  std::cout << "x is " << shared.get<int>("x") << ", y is " << shared.get<double>("y") << "\n";
  std::cout << "message: " << shared.get<std::string>("message") << "\n";

  // The type is part of the attribute: an int is not read as something else.
  try {
    static_cast<void>(shared.get<std::string>("x"));
  } catch (const mp::TransferError& error) {
    std::cout << "x is no text\n";
  }
  shared.del("y");
  std::cout << "y is " << (shared.has("y") ? "there" : "gone") << "\n";
}
