// SPDX-License-Identifier: Apache-2.0
// An object of a class of one's own in a manager: methods, functions, exceptions, and many calls sent as one.
#include <royong/future.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <stdexcept>
#include <vector>

namespace mp = royong;

class Account {
 public:
  explicit Account(int balance) : balance_(balance) {}
  int deposit(int amount) { return balance_ += amount; }
  void withdraw(int amount) {
    if (amount > balance_) throw std::out_of_range("not enough money");
    balance_ -= amount;
  }
  int balance() const { return balance_; }

 private:
  int balance_;
};

void earn(const mp::Proxy<Account>& account) {
  for (int i = 0; i < 100; ++i) account.call<&Account::deposit>(1);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Manager manager;
  const auto account = manager.make<Account>(100);

  std::vector<mp::Process> earners;
  for (int i = 0; i < 4; ++i) earners.emplace_back(earn, account).start();
  for (auto& earner : earners) earner.join();
  std::cout << "earned: " << account.call<&Account::balance>() << '\n';

  // A function runs there as a whole: nobody comes between the look and the change.
  const int left = account.call([](Account& it) {
    it.withdraw(it.balance() / 2);
    return it.balance();
  });
  std::cout << "half of it: " << left << '\n';

  try {
    account.call<&Account::withdraw>(1000);
  } catch (const std::out_of_range& error) {
    std::cout << "refused: " << error.what() << '\n';
  }

  std::vector<mp::Future<int>> deposits;
  {
    auto batch = manager.pipeline();
    for (int i = 0; i < 1000; ++i) deposits.push_back(account.call_async<&Account::deposit>(1));
  }
  std::cout << "after a thousand deposits: " << deposits.back().get() << '\n';
}
