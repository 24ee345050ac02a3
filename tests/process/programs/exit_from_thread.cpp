// SPDX-License-Identifier: Apache-2.0
// Calls std::exit in another thread than main's. Arguments: start method; meanwhile: "joining": main joins a process, "starting": main
// starts one after the other, "worker": it is a worker that does so.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <thread>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

void exit_from_thread(int code, useconds_t when) {
  std::thread([=] {
    ::usleep(when);
    std::exit(code);
  }).detach();
}

void take_a_while() {
  ::usleep(100'000);
  std::puts("worker done");
}

void exit_from_thread_of_worker() {
  exit_from_thread(9, 0);
  wait_for_ever();
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const std::string_view what = argv[2];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  const auto context = royong::get_context(method);

  if (what == "worker") {
    auto worker = context.process(exit_from_thread_of_worker);
    worker.start();
    worker.join();
    std::printf("worker ended with %d\n", worker.exitcode().value());
    return 0;
  }

  // Never destroyed: main does not come to its end.
  auto& daemon = *new royong::Process(context.process({.daemon = true}, wait_for_ever));
  auto& worker = *new royong::Process(context.process(take_a_while));
  daemon.start();
  worker.start();
  exit_from_thread(7, 20'000);
  if (what == "joining") daemon.join();
  try {
    for (; what == "starting";) {
      auto& another = *new royong::Process(context.process({.daemon = true}, wait_for_ever));
      another.start();
      ::usleep(2000);
    }
  } catch (const std::exception&) {
    // The family is ending: it takes no more members.
  }
  wait_for_ever();
}
