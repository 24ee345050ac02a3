// SPDX-License-Identifier: Apache-2.0
// Handles of static storage duration, destroyed when the program exits. Arguments: start method; storage: "global" (destroyed after the
// library has ended the program's processes), "local" (before that), "thread" and "other_thread" (thread_local); "return" or "exit".
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"

namespace {

namespace mp = royong;

int take_a_while(int x) {
  ::usleep(20'000);
  return x;
}

mp::Lock make_lock() { return {}; }

void finish_later() {
  ::usleep(50'000);
  std::printf("process done\n");
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

/// One of each, all in use. Members are destroyed from the last to the first: futures outlive their pool here.
struct Handles {
  explicit Handles(mp::StartMethod method)
      : queue(8),
        process(mp::get_context(method).process(finish_later)),
        daemon(mp::get_context(method).process({.daemon = true}, wait_for_ever)),
        pool(2, {.start_method = method}) {
    process.start();
    daemon.start();
    lock.acquire();
    queue.put("never read");
    queue.put(std::string(100'000, 'x'));
    finished = pool.apply_async(take_a_while, 1);
    finished.wait();
    unread = pool.apply_async(make_lock);
    unread.wait();
    for (int i = 0; i < 40; ++i) pending.push_back(pool.apply_async(take_a_while, i));
    pending.back().add_done_callback([](const mp::Future<int>&) {});
  }

  mp::Future<int> finished;
  mp::Future<mp::Lock> unread;
  std::vector<mp::Future<int>> pending;
  mp::Lock lock;
  mp::Event event;
  mp::Value<int> value{3};
  mp::Queue<std::string> queue;
  mp::Process process;
  mp::Process daemon;
  mp::Pool pool;
};

std::optional<Handles> global;
thread_local std::optional<Handles> of_thread;

void make(std::string_view storage, mp::StartMethod method) {
  if (storage == "global") {
    global.emplace(method);
  } else if (storage == "local") {
    static const Handles local(method);
  } else if (storage == "thread") {
    of_thread.emplace(method);
  } else {
    std::thread([=] { of_thread.emplace(method); }).join();
  }
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  if (argc < 4) return 2;
  const std::string_view name = argv[1];
  make(argv[2], name == "fork"    ? mp::StartMethod::fork
                : name == "spawn" ? mp::StartMethod::spawn
                                  : mp::StartMethod::forkserver);
  if (std::string_view(argv[3]) == "exit") std::exit(6);
  return 6;
}
