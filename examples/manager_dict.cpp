// SPDX-License-Identifier: Apache-2.0
// A dict in a manager's server: four processes count words. `update` runs in the server, so no count is lost.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace mp = royong;

void count(mp::ManagerDict<std::string, int> counts, std::string text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    counts.update(word, [](int& n) { ++n; });  // a new word begins with 0
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto counts = manager.dict<std::string, int>();
  counts["the"] = 0;

  std::vector<mp::Process> processes;
  for (const char* text : {"the ox and the cart", "the cart and the road", "the road", "the sea"}) {
    processes.emplace_back(count, counts, std::string(text));
  }
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();

  // A map of this process, sorted by its keys.
  for (const auto& [word, n] : counts.copy()) std::cout << word << ": " << n << "\n";

  // What Python's dict does.
  std::cout << "pop: " << counts.pop("sea") << "\n";
  std::cout << "get: " << (counts.get("sea") ? "there" : "nothing") << "\n";
  std::cout << "setdefault: " << counts.setdefault("sea", 7) << "\n";

  // The function takes arguments of its own, and what it returns comes back.
  const int after = counts.update("sea", [](int& n, int by) { return n += by; }, 5);
  std::cout << "update: " << after << "\n";

  try {
    static_cast<void>(counts.at("moon"));
  } catch (const std::out_of_range& error) {
    std::cout << error.what() << "\n";
  }
}
