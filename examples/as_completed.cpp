// SPDX-License-Identifier: Apache-2.0
// Results in the order in which they are ready, each with its error if it has one, and a limit for the whole.
#include <royong/event.hpp>
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

// The event stands for a server that answers when it likes.
std::string download(const std::string& page, const mp::Event& answered) {
  answered.wait();
  if (page == "broken") throw std::runtime_error(page + ": 404");
  return page + ": 200";
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::ProcessPoolExecutor executor(4);
  const mp::Event first;
  const mp::Event second;
  const mp::Event third;
  std::vector<mp::Future<std::string>> pages;
  pages.push_back(executor.submit(download, "slow", third));
  pages.push_back(executor.submit(download, "quick", first));
  pages.push_back(executor.submit(download, "broken", second));

  first.set();
  for (auto& page : mp::as_completed(pages, 1min)) {
    try {
      std::puts(page.get().c_str());
    } catch (const std::runtime_error& error) {
      std::puts(error.what());
    }
    (second.is_set() ? third : second).set();
  }

  // Whoever cannot wait for all of them.
  const mp::Event later;
  std::vector<mp::Future<std::string>> more{executor.submit(download, "a", first),
                                            executor.submit(download, "b", later)};
  const auto [done, waiting] = mp::wait(more, mp::forever, mp::ReturnWhen::first_completed);
  std::printf("%zu done, %zu under way\n", done.size(), waiting.size());
  later.set();
}
