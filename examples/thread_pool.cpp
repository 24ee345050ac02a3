// SPDX-License-Identifier: Apache-2.0
// A pool of threads: the same members, any callable, nothing is copied to another process.
#include <royong/init.hpp>
#include <royong/thread_pool.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace mp = royong;

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::map<std::string, int> prices{{"apple", 3}, {"pear", 4}};

  mp::ThreadPool pool(2);
  const auto price = [&](const std::string& fruit) { return prices.at(fruit); };
  for (const int p : pool.map(price, std::vector<std::string>{"pear", "apple"}))
    std::printf("%d\n", p);

  const auto missing = pool.apply_async(price, "plum");
  try {
    missing.get();
  } catch (const std::out_of_range&) {
    std::puts("no plums");
  }

  mp::ThreadPoolExecutor executor(2);
  std::vector<mp::Future<int>> futures;
  for (const char* fruit : {"apple", "pear"})
    futures.push_back(executor.submit(price, std::string(fruit)));
  int sum = 0;
  for (auto& future : mp::as_completed(futures)) sum += future.get();
  std::printf("together %d\n", sum);
}
