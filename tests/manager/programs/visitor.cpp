// SPDX-License-Identifier: Apache-2.0
// A client of another program's manager. visitor WHAT ADDRESS KEY [psk | AUTHORITY]
// WHAT: work (one round of everything), outdated, mistaken (with another version of the class, with other parameters of a method: prints what find says), get, acquire, hold (prints a line, and waits to be killed)
#include <unistd.h>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/manager/dict.hpp>
#include <royong/manager/lock.hpp>
#include <royong/manager/queue.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

namespace mp = royong;

// The same names, and another order; `interest` is unknown here.
class Account {
 public:
  int deposit(int amount);
  int balance() const;
  void withdraw(int amount);
};
// Never called here: the object is in the other program.
int Account::deposit(int) { throw std::logic_error("here"); }
int Account::balance() const { throw std::logic_error("here"); }
void Account::withdraw(int) { throw std::logic_error("here"); }

/// What somebody took the class for.
struct Purse {
  int deposit(const std::string&) { throw std::logic_error("here"); }
};

namespace {

template <class T>
void find_in_vain(const mp::Manager& manager) {
  try {
    manager.find<mp::Proxy<T>>("account");
  } catch (const mp::TransferError& error) {
    std::cout << error.what() << std::endl;
  }
}

void work(mp::Manager& manager) {
  const auto table = manager.find<mp::ManagerDict<std::string, int>>("table");
  for (int i = 0; i < 100; ++i) table.set("key " + std::to_string(i), i);
  const auto account = manager.find<mp::Proxy<Account>>("account");
  account.call<&Account::deposit>(50);
  std::string caught = "nothing";
  try {
    account.call<&Account::withdraw>(1000);
  } catch (const std::out_of_range& error) {
    caught = error.what();
  }
  std::cout << table.at("key 42") << ' ' << account.call<&Account::deposit>(1) << ' ' << caught
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argv[1];
  if (what == "mistaken") {
    mp::register_type<Purse>("Account", 2).method<&Purse::deposit>("deposit");
  } else {
    mp::register_type<Account>("Account", what == "outdated" ? 1 : 2)
        .method<&Account::deposit>("deposit")
        .method<&Account::balance>("balance")
        .method<&Account::withdraw>("withdraw");
  }
  mp::init(argc, argv);
  mp::ConnectOptions options{.address = argv[2]};
  if (std::string(argv[3]) != "-") options.authkey = argv[3];
  if (argc > 4) {
    if (std::string(argv[4]) == "psk") {
      options.tls.psk = true;
    } else {
      options.tls.authority = argv[4];
    }
  }
  auto manager = mp::Manager::connect(options);
  if (what == "work") {
    work(manager);
    return 0;
  }
  if (what == "outdated") {
    find_in_vain<Account>(manager);
    return 0;
  }
  if (what == "mistaken") {
    find_in_vain<Purse>(manager);
    return 0;
  }
  const auto jobs = manager.find<mp::ManagerQueue<int>>("jobs");
  const auto lock = manager.find<mp::ManagerLock>("lock");
  if (what == "hold") lock.acquire();
  std::cout << "ready" << std::endl;
  if (what == "get") jobs.get();
  if (what == "acquire") lock.acquire();
  for (;;) ::pause();
}
