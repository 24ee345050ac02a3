// SPDX-License-Identifier: Apache-2.0
// A recursive lock: a function that takes it calls another one that takes it too.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>
#include <royong/sync.hpp>

#include <iostream>
#include <mutex>
#include <vector>

namespace mp = royong;

struct Account {
  mp::RLock lock;
  mp::RawValue<int> balance;
  mp::RawValue<int> bookings;
};

void book(const Account& account, int amount) {
  const std::scoped_lock guard(account.lock);
  *account.balance += amount;
  *account.bookings += 1;
}

// Both bookings, or none: no other process falls in between.
void exchange(const Account& from, const Account& to, int amount) {
  const std::scoped_lock both(from.lock, to.lock);
  book(from, -amount);
  book(to, amount);
}

void trade(Account mine, Account theirs) {
  for (int i = 0; i < 1'000; ++i) exchange(mine, theirs, 1);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const Account left;
  const Account right;
  std::vector<mp::Process> traders;
  traders.emplace_back(trade, left, right);
  traders.emplace_back(trade, right, left);
  for (auto& trader : traders) trader.start();
  for (auto& trader : traders) trader.join();

  std::cout << "left " << *left.balance << ", right " << *right.balance << "\n"
            << "after " << *left.bookings + *right.bookings << " bookings\n";
}
