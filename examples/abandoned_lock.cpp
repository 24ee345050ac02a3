// SPDX-License-Identifier: Apache-2.0
// A process is killed in the middle of what its lock guards. Nobody hangs: the next owner is told, and puts it right.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <csignal>
#include <iostream>
#include <mutex>

namespace mp = royong;

// Always 100 together, for whoever owns the lock.
struct Accounts {
  mp::Lock lock;
  mp::RawValue<int> mine;
  mp::RawValue<int> yours;
};

void transfer(Accounts accounts, int amount) {
  const std::scoped_lock guard(accounts.lock);
  *accounts.mine -= amount;
  std::raise(SIGKILL);  // as the kernel kills who takes too much memory
  *accounts.yours += amount;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const Accounts accounts{{}, mp::RawValue<int>(60), mp::RawValue<int>(40)};
  mp::Process process(transfer, accounts, 25);
  process.start();
  process.join();
  std::cout << "ended by signal " << -process.exitcode().value() << "\n";

  const std::scoped_lock guard(accounts.lock);
  if (accounts.lock.abandoned()) {
    std::cout << "left behind: " << *accounts.mine << " and " << *accounts.yours << "\n";
    *accounts.yours = 100 - *accounts.mine;
    accounts.lock.mark_consistent();
  }
  std::cout << "put right: " << *accounts.mine << " and " << *accounts.yours << "\n";
}
