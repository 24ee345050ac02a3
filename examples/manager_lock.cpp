// SPDX-License-Identifier: Apache-2.0
// A lock in a manager's server: usable like any mutex, by processes that need share no memory. One that is killed while it
// owns the lock leaves it to the next one, who is told.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <chrono>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace mp = royong;

void enter(mp::ManagerLock lock, mp::ManagerList<int> book, int number) {
  const std::scoped_lock guard(lock);
  book.append(number);
  book.append(-number);
}

void fall_asleep(mp::ManagerLock lock, mp::ManagerEvent asleep) {
  lock.acquire();
  asleep.set();
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto lock = manager.lock();
  const auto book = manager.list<int>();
  std::vector<mp::Process> processes;
  for (int i = 1; i <= 3; ++i) processes.emplace_back(enter, lock, book, i);
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();
  const std::vector<int> entries = book.copy();
  bool whole = true;
  for (std::size_t i = 0; i < entries.size(); i += 2) whole &= entries[i] == -entries[i + 1];
  std::cout << entries.size() << " entries, " << (whole ? "none" : "some") << " torn apart\n";

  const auto asleep = manager.event();
  mp::Process process(fall_asleep, lock, asleep);
  process.start();
  asleep.wait();
  process.kill();
  const std::scoped_lock guard(lock);  // without this death it would wait for ever
  std::cout << (lock.abandoned() ? "abandoned" : "in order") << "\n";
  lock.mark_consistent();
}
