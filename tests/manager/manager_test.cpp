// SPDX-License-Identifier: Apache-2.0
// A manager and its clients inside one program: calls, exceptions, lifetimes, proxies on their way.
#include "royong/manager.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "process/every_start_method.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"

namespace {

using namespace std::chrono_literals;
using royong::Future;
using royong::Manager;
using royong::Process;
using royong::Proxy;

/// What the tests keep in managers.
class Account {
 public:
  Account() = default;
  explicit Account(int balance) : balance_(balance) {
    if (balance < 0) throw std::invalid_argument("an account cannot begin with debts");
  }
  int deposit(int amount) { return balance_ += amount; }
  int balance() const { return balance_; }
  const std::string& rename(const std::string& name) { return name_ = name; }
  std::string name() const { return name_; }
  void withdraw(int amount) {
    if (amount > balance_) throw std::out_of_range("not enough");
    balance_ -= amount;
  }

 private:
  int balance_ = 0;
  std::string name_;
};

/// Holds proxies of other objects.
class Bank {
 public:
  void add(Proxy<Account> account) { accounts_.push_back(std::move(account)); }
  Proxy<Account> at(std::size_t i) const { return accounts_.at(i); }
  void clear() { accounts_.clear(); }
  int total() const {
    int sum = 0;
    for (const auto& account : accounts_) sum += account.call<&Account::balance>();
    return sum;
  }

 private:
  std::vector<Proxy<Account>> accounts_;
};

TEST(Manager, CallsMethodsWithArgumentsAndResults) {
  Manager m;
  const auto account = m.make<Account>(100);
  EXPECT_EQ(account.call<&Account::deposit>(20), 120);
  account.call<&Account::withdraw>(50);
  EXPECT_EQ(account.call<&Account::balance>(), 70);
  EXPECT_EQ(account.call<&Account::rename>("savings"), "savings");
  EXPECT_EQ(account.call<&Account::name>(), "savings");
}

TEST(Manager, RunsFunctionsOnTheObject) {
  Manager m;
  const auto account = m.make<Account>(1);
  EXPECT_EQ(
      account.call([](Account& it, int times) { return it.deposit(it.balance() * times); }, 9), 10);
  EXPECT_EQ(account.call([](const Account& it) { return it.balance(); }), 10);
  const auto text = m.make<std::string>("abc");
  text.call([](std::string& it, const std::string& more) { it += more; }, "def");
  EXPECT_EQ(text.call([](const std::string& it) { return it; }), "abcdef");
}

TEST(Manager, ExceptionsComeBackAsThemselves) {
  Manager m;
  const auto account = m.make<Account>(1);
  EXPECT_THROW_MESSAGE(account.call<&Account::withdraw>(2), std::out_of_range, "not enough");
  EXPECT_EQ(account.call<&Account::balance>(), 1);
  EXPECT_THROW(m.make<Account>(-1), std::invalid_argument);
}

TEST(Manager, FuturesOfManyCallsComeInAnyOrderAndAreAllRight) {
  Manager m;
  const auto account = m.make<Account>();
  std::vector<Future<int>> futures;
  {
    auto batch = m.pipeline();
    for (int i = 0; i < 5000; ++i) futures.push_back(account.call_async<&Account::deposit>(1));
  }
  for (int i = 4999; i >= 0; --i) {
    ASSERT_EQ(futures[static_cast<std::size_t>(i)].get(), i + 1);
  }
  auto failed = account.call_async<&Account::withdraw>(6000);
  EXPECT_THROW(failed.get(), std::out_of_range);
}

TEST(Manager, CallbacksRunWithoutAnybodyWaiting) {
  Manager m;
  const auto account = m.make<Account>(5);
  std::atomic<int> seen{0};
  auto future = account.call_async<&Account::deposit>(6);
  future.add_done_callback([&](Future<int>& done) {
    seen = done.get();
    seen.notify_all();
  });
  seen.wait(0);
  EXPECT_EQ(seen, 11);
  auto more = std::vector{account.call_async<&Account::deposit>(1),
                          account.call_async<&Account::deposit>(1)};
  int count = 0;
  for (auto& done : royong::as_completed(more)) count += done.get() > 0 ? 1 : 0;
  EXPECT_EQ(count, 2);
}

TEST(Manager, LargeArgumentsAndResultsCross) {
  Manager m;
  const auto text = m.make<std::string>();
  const std::string large(5'000'000, 'x');
  text.call([](std::string& it, const std::string& value) { it = value; }, large);
  EXPECT_EQ(text.call([](const std::string& it) { return it; }), large);
}

TEST(Manager, ThreadsShareASession) {
  Manager m;
  const auto account = m.make<Account>();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) account.call<&Account::deposit>(1);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(account.call<&Account::balance>(), 2000);
}

TEST(Manager, ProxiesAreValues) {
  Manager m;
  const auto one = m.make<Account>(1);
  const auto same = one;
  const auto other = m.make<Account>(1);
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
  EXPECT_FALSE(Proxy<Account>().valid());
  EXPECT_THROW(Proxy<Account>().call<&Account::balance>(), royong::UsageError);
}

TEST(Manager, ObjectsHoldProxiesOfOthersAndUseThem) {
  Manager m;
  const auto bank = m.make<Bank>();
  {
    const auto account = m.make<Account>(10);
    bank.call<&Bank::add>(account);
    bank.call<&Bank::add>(m.make<Account>(5));
    account.call<&Account::deposit>(1);
  }
  EXPECT_EQ(bank.call<&Bank::total>(), 16);
  bank.call<&Bank::at>(0).call<&Account::deposit>(100);
  EXPECT_EQ(bank.call<&Bank::total>(), 116);
}

/// Alive as long as an object of it is in the manager: counted there.
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }
  static inline int alive = 0;
};

int alive(const Proxy<Account>& somewhere) {
  return somewhere.call([](Account&) { return Counted::alive; });
}

TEST(Manager, AnObjectEndsWithItsLastProxy) {
  Manager m;
  const auto account = m.make<Account>();
  {
    const auto counted = m.make<Counted>();
    const auto copy = counted;
    EXPECT_EQ(alive(account), 1);
  }
  royong_test::eventually([&] { return alive(account) == 0; });
  for (int i = 0; i < 200; ++i) m.make<Counted>();
  royong_test::eventually([&] { return alive(account) == 0; });
}

void deposit(const Proxy<Account>& account, int amount) { account.call<&Account::deposit>(amount); }

using ManagerProcesses = royong_test::EveryStartMethod;

TEST_P(ManagerProcesses, ShareAnObject) {
  Manager m;
  const auto account = m.make<Account>();
  std::vector<Process> processes;
  for (int i = 0; i < 3; ++i) {
    processes.emplace_back(royong::ProcessOptions{.start_method = GetParam()}, &deposit, account,
                           7);
    processes.back().start();
  }
  for (auto& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(account.call<&Account::balance>(), 21);
}

ROYONG_EVERY_START_METHOD(ManagerProcesses);

TEST(Manager, AfterShutdownCallsFail) {
  Manager m;
  const auto account = m.make<Account>();
  m.shutdown();
  m.shutdown();
  EXPECT_THROW(account.call<&Account::balance>(), royong::EndOfFile);
  EXPECT_THROW(m.make<Account>(), royong::UsageError);
}

}  // namespace
