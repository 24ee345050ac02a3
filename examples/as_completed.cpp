// SPDX-License-Identifier: Apache-2.0
// Results in the order in which they are ready, each with its error if it has one, and a limit for the whole.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

std::string download(const std::string& page, int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (page == "broken") throw std::runtime_error("broken: 404");
  return page + ": " + std::to_string(ms) + " ms";
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::ProcessPoolExecutor executor(4);
  std::vector<mp::Future<std::string>> pages;
  pages.push_back(executor.submit(download, "slow", 600));
  pages.push_back(executor.submit(download, "quick", 50));
  pages.push_back(executor.submit(download, "broken", 300));

  for (auto& page : mp::as_completed(pages, 10s)) {
    try {
      std::puts(page.get().c_str());
    } catch (const std::runtime_error& error) {
      std::puts(error.what());
    }
  }

  // Whoever cannot wait for all of them.
  std::vector<mp::Future<std::string>> more{executor.submit(download, "a", 10),
                                            executor.submit(download, "b", 1500)};
  const auto [done, waiting] = mp::wait(more, mp::forever, mp::ReturnWhen::first_completed);
  std::printf("%zu done, %zu under way\n", done.size(), waiting.size());
}
