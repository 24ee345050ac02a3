// SPDX-License-Identifier: Apache-2.0
// A pool in a program that takes the exit statuses of all children away. Arguments: start method; how: "ignore": SIGCHLD is ignored,
// "wait": a thread waits for any child.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <thread>
#include <vector>

#include "royong/error.hpp"
#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace {

void reap_everything() {
  for (;;)
    if (::waitpid(-1, nullptr, 0) < 0) ::usleep(50);  // there is no child now
}

int die(int) {
  ::kill(::getpid(), SIGKILL);
  return 0;
}

int square(int x) { return x * x; }

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  if (std::string_view(argv[2]) == "ignore") {
    ::signal(SIGCHLD, SIG_IGN);
  } else {
    std::thread(reap_everything).detach();
  }
  royong::Pool pool(2, {.start_method = method});
  int lost = 0;
  for (int round = 0; round < 20; ++round) {
    const auto doomed = pool.apply_async(die, round);
    std::vector<royong::Future<int>> others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.apply_async(square, i));
    try {
      doomed.get();
    } catch (const royong::WorkerDied& error) {
      // Whoever was asked first: the kernel, or nobody.
      if (error.exitcode().value_or(-SIGKILL) == -SIGKILL) ++lost;
    }
    for (int i = 0; i < 10; ++i)
      if (others[static_cast<std::size_t>(i)].get() != i * i) return 3;
  }
  std::printf("lost %d, size %d\n", lost, pool.size());
  pool.terminate();
  pool.join();
  std::printf("left %zu\n", royong::active_children().size());
}
