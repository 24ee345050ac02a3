// SPDX-License-Identifier: Apache-2.0
// The race condition: four processes add to one number. Without a lock some additions are lost; with one, none.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <chrono>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace mp = royong;

constexpr int rounds = 20'000;

void add_one(const mp::RawValue<int>& number) {
  const int seen = *number;
  if (seen % 100 == 0) std::this_thread::yield();  // meanwhile, another process may write
  *number = seen + 1;
}

void without_lock(mp::RawValue<int> number) {
  for (int i = 0; i < rounds; ++i) add_one(number);
}

void with_lock(mp::RawValue<int> number, mp::Lock lock) {
  for (int i = 0; i < rounds; ++i) {
    const std::scoped_lock guard(lock);
    add_one(number);
  }
}

template <class F, class... Args>
void run_four(F function, const Args&... args) {
  std::vector<mp::Process> processes;
  for (int i = 0; i < 4; ++i) processes.emplace_back(function, args...);
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::RawValue<int> racing;
  run_four(without_lock, racing);
  std::cout << "without a lock: " << (*racing < 4 * rounds ? "some" : "none") << " of "
            << 4 * rounds << " additions were lost\n";

  const mp::RawValue<int> guarded;
  const mp::Lock lock;
  run_four(with_lock, guarded, lock);
  if (lock.acquire(std::chrono::milliseconds(100))) {  // false: not free in that time
    std::cout << "with a lock: " << *guarded << "\n";
    lock.release();
  }
}
