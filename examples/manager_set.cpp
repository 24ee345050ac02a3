// SPDX-License-Identifier: Apache-2.0
// A set in a manager's server: `add` tells whether the element is new, so each page is visited once, by whoever comes first.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <set>
#include <string>
#include <vector>

namespace mp = royong;

void visit(mp::ManagerSet<std::string> seen, mp::ManagerValue<int> visits,
           std::vector<std::string> pages) {
  for (const auto& page : pages) {
    if (seen.add(page)) visits.update([](int& n) { ++n; });
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto seen = manager.set<std::string>();
  const auto visits = manager.value<int>(0);
  const std::vector<std::string> pages{"/", "/rice", "/tea", "/rice"};
  mp::Process first(visit, seen, visits, pages);
  mp::Process second(visit, seen, visits, pages);
  first.start();
  second.start();
  first.join();
  second.join();

  std::cout << visits.get() << " visits of " << seen.size() << " pages\n";
  const std::set<std::string> wanted{"/tea", "/coffee"};
  for (const auto& page : seen& wanted) std::cout << "seen: " << page << "\n";
  for (const auto& page : seen - wanted) std::cout << "not asked for: " << page << "\n";
}
