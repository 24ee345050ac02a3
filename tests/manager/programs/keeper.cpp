// SPDX-License-Identifier: Apache-2.0
// A manager for other programs. keeper ADDRESS KEY [psk | CERTIFICATE KEYFILE] [snapshot=FILE]
// Prints its address, and then what its objects hold whenever a line comes in; ends with its input.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/manager/dict.hpp>
#include <royong/manager/lock.hpp>
#include <royong/manager/queue.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

namespace mp = royong;

class Account {
 public:
  int deposit(int amount) { return balance_ += amount; }
  void withdraw(int amount) {
    if (amount > balance_) throw std::out_of_range("not enough");
    balance_ -= amount;
  }
  int balance() const { return balance_; }
  double interest(double rate) const { return balance_ * rate; }

 private:
  int balance_ = 0;
};

int main(int argc, char** argv) {
  mp::register_type<Account>("Account", 2)
      .method<&Account::balance>("balance")
      .method<&Account::withdraw>("withdraw")
      .method<&Account::deposit>("deposit")
      .method<&Account::interest>("interest");
  mp::init(argc, argv);
  mp::ServeOptions options{.address = argv[1]};
  if (std::string(argv[2]) != "-") options.authkey = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "psk") {
      options.tls.psk = true;
    } else if (argument.starts_with("snapshot=")) {
      options.snapshot = argument.substr(9);
    } else if (options.tls.certificate.empty()) {
      options.tls.certificate = argument;
    } else {
      options.tls.key = argument;
    }
  }
  auto manager = mp::Manager::serve(options);
  using Table = mp::ManagerDict<std::string, int>;
  const auto names = manager.names();
  const bool is_new = names.empty();
  const auto table = is_new ? manager.make_proxy<Table>() : manager.find<Table>("table");
  const auto account = manager.make<Account>();
  const auto jobs = manager.make_proxy<mp::ManagerQueue<int>>(0);
  const auto lock = manager.make_proxy<mp::ManagerLock>();
  if (is_new) manager.publish("table", table);
  if (options.snapshot.empty()) {  // the others cannot be saved
    manager.publish("account", account);
    manager.publish("jobs", jobs);
    manager.publish("lock", lock);
  }
  std::cout << manager.address() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "snapshot") manager.snapshot();
    std::cout << table.size() << ' ' << account.call<&Account::balance>() << std::endl;
  }
}
