// SPDX-License-Identifier: Apache-2.0
// A static initialiser starts a thread: the forkserver must not be used, and processes start all the same.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

struct Background {
  std::mutex mutex;
  std::condition_variable wake;
  bool end = false;
  std::thread thread{[this] {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return end; });
  }};
  ~Background() {
    {
      const std::lock_guard lock(mutex);
      end = true;
    }
    wake.notify_one();
    thread.join();
  }
} background;

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  for (int i = 0; i < 2; ++i) {
    royong::Process process([](int n) { std::exit(n); }, 40 + i);
    process.start();
    process.join();
    std::printf("%d\n", process.exitcode().value());
  }
}
