// SPDX-License-Identifier: Apache-2.0
// A list in a manager's server, and lists inside a dict: proxies may be elements of other objects.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

void print(const mp::ManagerList<int>& list) {
  for (auto& value : list) std::cout << value << " ";
  std::cout << "\n";
}

void change(mp::ManagerList<int> numbers) {
  numbers.append(42);
  numbers.reverse();
}

void enter(mp::ManagerDict<std::string, mp::ManagerList<int>> results) {
  results.at("first").append(1);  // the list itself, not a copy
  results.at("second").extend({2, 3});
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto numbers = manager.list<int>();
  numbers += {3, 1, 2};

  mp::Process changing(change, numbers);
  changing.start();
  changing.join();
  print(numbers);

  numbers[-1] = 30;  // the last
  numbers.sort();
  print(numbers);
  numbers.sort([](int a, int b) { return a % 10 < b % 10; });
  print(numbers);
  numbers.set_slice({1, 3}, {7, 8, 9});  // numbers[1:3] = [7, 8, 9]
  print(numbers);

  const auto results = manager.dict<std::string, mp::ManagerList<int>>();
  results["first"] = manager.list<int>();
  results["second"] = manager.list<int>();
  mp::Process entering(enter, results);
  entering.start();
  entering.join();
  for (auto& [name, list] : results) {
    std::cout << name << ": ";
    print(list);
  }
}
