// SPDX-License-Identifier: Apache-2.0
// A library that leaks: workers that are replaced after so many tasks keep it small for ever.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

namespace mp = royong;

// Stands for a library that keeps a megabyte of every call. Returns how many it has kept, and where.
std::pair<int, int> render(int page) {
  static std::vector<std::vector<char>> never_freed;
  never_freed.emplace_back(1 << 20, static_cast<char>(page));
  return {static_cast<int>(never_freed.size()), static_cast<int>(::getpid())};
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2, {.maxtasksperchild = 10});
  int most = 0;
  std::set<int> workers;
  for (int page = 0; page < 100; ++page) {
    const auto [kept, worker] = pool.apply(render, page);
    most = std::max(most, kept);
    workers.insert(worker);
  }
  std::printf("no worker kept more than %d megabytes; at least 10 workers: %s\n", most,
              workers.size() >= 10 ? "yes" : "no");
}
