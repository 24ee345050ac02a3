// SPDX-License-Identifier: Apache-2.0
// What a manager keeps is used by tasks on every rank, through proxies among their arguments and in their results.
#include <royong/bind_front.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/mpi.hpp>
#include <royong/process.hpp>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "mpi/yes_or_no.hpp"

namespace mp = royong;
using royong_test::failures;
using royong_test::say;
using royong_test::throws;
using namespace std::chrono_literals;

namespace {

using Table = mp::ManagerDict<std::string, int>;
using Results = mp::ManagerQueue<int>;

std::string rank() {
  const char* text = std::getenv("OMPI_COMM_WORLD_RANK");
  return text == nullptr ? "0" : text;
}

/// Neither step is atomic together with the other but under the lock.
int count(const Table& table, const Results& results, const mp::ManagerLock& lock, int value) {
  lock.acquire();
  const int before = table.get("count").value_or(0);
  table.set("count", before + 1);
  table.set("rank " + rank(), 1);
  lock.release();
  results.put(value);
  return ::getpid();
}
int size_of(const Table& table) { return static_cast<int>(table.size()); }
Table give_back(Table table) { return table; }
std::pair<int, Table> with_pid(Table table) { return {::getpid(), table}; }
int take(const Results& results) { return results.get(); }

struct Account {
  int balance = 0;
  int deposit(int amount) { return balance += amount; }
};
int deposit(const mp::Proxy<Account>& account, int amount) {
  return account.call<&Account::deposit>(amount);
}

/// A manager that ends with the worker.
Table served_here() {
  static const auto manager =
      mp::Manager::serve({.address = "127.0.0.1:0", .authkey = mp::authkey()});
  auto table = manager.dict<std::string, int>();
  table.set("rank", std::atoi(rank().c_str()));
  return table;
}

void connect_before(const std::string& address, const std::string& key) {
  static const auto manager = mp::Manager::connect({.address = address, .authkey = key});
}

void arguments(mp::mpi::MPIPoolExecutor& nodes, const mp::Manager& manager) {
  const auto table = manager.dict<std::string, int>();
  const auto results = manager.queue<int>();
  const auto lock = manager.lock();
  std::vector<mp::Future<int>> some;
  const auto wanted = nodes.nodes().size();
  int submitted = 0;
  while (table.size() < wanted + 1) {  // until every rank has run one
    some.push_back(nodes.submit(count, table, results, lock, ++submitted));
    if (submitted % 16 == 0) some.back().wait(mp::forever);
  }
  for (auto& future : some) future.get();
  say("every rank counted under one lock", table.at("count") == submitted);
  long sum = 0;
  for (int i = 0; i < submitted; ++i) sum += results.get();
  say("one queue has what all of them put", sum == long{submitted} * (submitted + 1) / 2);

  std::vector<int> numbers(200);
  std::iota(numbers.begin(), numbers.end(), 0);
  (void)nodes.map(mp::bind_front(count, table, results, lock), numbers);
  say("a function with bound proxies", table.at("count") == submitted + 200);

  const auto account = manager.make<Account>(Account{100});
  for (int i = 0; i < 40; ++i) some.push_back(nodes.submit(deposit, account, 1));
  for (auto& future : some) future.wait(mp::forever);
  say("registered methods of a class", account.call<&Account::deposit>(0) == 140);

  // Nobody but the executor has a proxy of it, from here to the end of the task.
  auto only = manager.dict<std::string, int>({{"a", 1}, {"b", 2}});
  auto future = nodes.submit(size_of, only);
  only = {};
  say("the executor holds what an argument refers to", future.get() == 2);
}

void results(mp::mpi::MPIPoolExecutor& nodes, const mp::Manager& manager) {
  const auto table = manager.dict<std::string, int>({{"here", 1}});
  bool right = true;
  for (int i = 0; i < 2 * nodes.size(); ++i) right &= nodes.submit(give_back, table).get() == table;
  say("a proxy comes back as the same", right);

  auto lonely = nodes.submit(with_pid, manager.dict<std::string, int>({{"there", 2}}));
  lonely.wait(mp::forever);
  say("the manager holds what a result refers to", lonely.get().second.at("there") == 2);

  right = true;
  for (int i = 0; i < 2 * nodes.size(); ++i) {
    const Table served = nodes.submit(served_here).get();
    const int at = served.at("rank");
    right &= at >= 0 && at < static_cast<int>(nodes.nodes().size());
    // And from there to a third rank.
    right &= nodes.submit(size_of, served).get() >= 1;
  }
  say("a manager that a task has made", right);
}

void refusals(mp::mpi::MPIPoolExecutor& nodes) {
  const mp::Manager plain;
  const auto table = plain.dict<std::string, int>();
  say("a manager without an address is refused by the sender",
      throws<mp::TransferError>([&] { nodes.submit(size_of, table); }, "Manager::serve"));

  const auto secret = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = "another key"});
  const auto locked = secret.dict<std::string, int>();
  mp::mpi::MPIPoolExecutor others({.workers_per_node = 1, .use_rank_0 = false});
  if (others.nodes().size() > 1) {
    say("a worker that does not know the key",
        throws<mp::AuthenticationError>([&] { others.submit(size_of, locked).get(); },
                                        "royong::authkey()"));
  } else {
    say("a worker that does not know the key", true);  // those of the manager's family need none
  }
  mp::mpi::MPIPoolExecutor knowing(
      {.workers_per_node = 1,
       .pool = {.initializer =
                    mp::bind_front(connect_before, secret.address(), std::string("another key"))}});
  bool right = true;
  for (int i = 0; i < 2 * knowing.size(); ++i) right &= knowing.submit(size_of, locked).get() == 0;
  say("a connection of the worker's own is used", right);
}

void tls(mp::mpi::MPIPoolExecutor& nodes) {
  const auto manager = mp::Manager::serve(
      {.address = "127.0.0.1:0", .authkey = mp::authkey(), .tls = {.psk = true}});
  const auto table = manager.dict<std::string, int>({{"a", 1}});
  bool right = true;
  for (int i = 0; i < 2 * nodes.size(); ++i) right &= nodes.submit(size_of, table).get() == 1;
  say("over TLS", right);
}

int begin_and_take(const Results& begun, const Results& queue) {
  begun.put(0);
  return queue.get();
}

void the_end_of_the_manager(mp::mpi::MPIPoolExecutor& nodes) {
  auto manager = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = mp::authkey()});
  const auto queue = manager.queue<int>();
  const auto begun = manager.queue<int>();
  std::vector<mp::Future<int>> waiting;
  for (int i = 0; i < nodes.size(); ++i)
    waiting.push_back(nodes.submit(begin_and_take, begun, queue));
  for (int i = 0; i < nodes.size(); ++i) begun.get();
  manager.shutdown();
  bool right = true;
  for (auto& future : waiting) {
    right &= throws<mp::EndOfFile>([&] { future.get(); }, "manager");
  }
  say("tasks that wait at a manager that ends", right);
  say("a manager that has ended is found out by the sender",
      throws<mp::EndOfFile>([&] { nodes.submit(take, queue); }, "manager"));
}

}  // namespace

int main(int argc, char** argv) {
  mp::register_type<Account>("Account").method<&Account::deposit>("deposit");
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  const auto manager = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = mp::authkey()});
  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  arguments(nodes, manager);
  results(nodes, manager);
  refusals(nodes);
  tls(nodes);
  the_end_of_the_manager(nodes);
  say("and it goes on", nodes.submit(rank).get().size() == 1);
  return failures == 0 ? 0 : 1;
}
