// SPDX-License-Identifier: Apache-2.0
// A pool whose two workers are busy, on a terminal, for tests that press Ctrl-C. Arguments: start method; what the program does about
// it: "dies" (what the system does), "terminates" the pool, "finishes" what was begun, or "waits" until there is nothing more to wait for.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "royong/barrier.hpp"
#include "royong/error.hpp"
#include "royong/event.hpp"
#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace {

int interrupts[2];

void note_interrupt(int) { (void)!::write(interrupts[1], "", 1); }

int work(const royong::Barrier& all, const royong::Event& enough, int value) {
  all.wait();
  enough.wait();
  return value;
}

/// Says of each interrupt that it has survived it.
int survive(const royong::Barrier& all, const royong::Event&, int) {
  // Blocked but for the time it is waited for: no signal is handled unseen.
  sigset_t interrupt, none;
  ::sigemptyset(&none);
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  all.wait();
  for (;;) {
    ::sigsuspend(&none);
    std::printf("goes on\n");
    std::fflush(stdout);
  }
}

int square(int x) { return x * x; }

std::string ending_of(const royong::Future<int>& future) {
  try {
    return std::to_string(future.get());
  } catch (const royong::CancelledError&) {
    return "cancelled";
  } catch (const royong::WorkerDied& died) {
    return "died of " + std::to_string(died.exitcode().value_or(0));
  }
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1], what = argv[2];
  if (what == "dies") {
    ::signal(SIGINT, SIG_DFL);  // who runs the test in the background ignores it
  } else {
    if (::pipe(interrupts) != 0) return 2;
    struct sigaction action{};
    action.sa_handler = note_interrupt;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
  }
  royong::Pool pool(2, {.start_method = name == "fork"    ? royong::StartMethod::fork
                                        : name == "spawn" ? royong::StartMethod::spawn
                                                          : royong::StartMethod::forkserver});
  const royong::Barrier all(3);
  const royong::Event enough;
  const auto task = what == "waits" ? survive : work;
  const std::vector futures{pool.apply_async(task, all, enough, 1),
                            pool.apply_async(task, all, enough, 2)};
  all.wait();
  std::printf("workers");
  for (const auto& worker : royong::active_children()) std::printf(" %d", worker.pid());
  std::printf(" are busy\n");
  std::fflush(stdout);
  if (what == "terminates" || what == "finishes") {
    char byte = 0;
    if (::read(interrupts[0], &byte, 1) != 1) return 2;
    what == "terminates" ? pool.terminate() : enough.set();
  }
  const std::string one = ending_of(futures[0]), two = ending_of(futures[1]);
  std::printf("ended: %s, %s\n", one.c_str(), two.c_str());
  if (what != "terminates") std::printf("then %d\n", pool.apply(square, 3));
  return 7;
}
