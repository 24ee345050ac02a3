// SPDX-License-Identifier: Apache-2.0
// A manager that other programs reach, on this machine or another: a queue of jobs, a dict of results and an object of a
// class of one's own, found by their names. Here the other program is a child process that knows nothing but the address
// and the key.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

class Total {
 public:
  int add(int n) { return sum_ += n; }

 private:
  int sum_ = 0;
};

void work(std::string address) {
  mp::Manager manager = mp::Manager::connect({.address = address, .authkey = "gotong royong"});
  const auto jobs = manager.find<mp::ManagerQueue<int>>("jobs");
  const auto squares = manager.find<mp::ManagerDict<int, int>>("squares");
  const auto total = manager.find<mp::Proxy<Total>>("total");
  for (auto& job : jobs) {  // ends when the queue is shut down and drained
    squares[job] = job * job;
    total.call<&Total::add>(job * job);
  }
}

int main(int argc, char** argv) {
  // What others may do with it: both programs say so in the same words.
  mp::register_type<Total>("Total").method<&Total::add>("add");
  mp::init(argc, argv);

  mp::Manager manager = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = "gotong royong"});
  const auto jobs = manager.queue<int>();
  const auto squares = manager.dict<int, int>();
  const auto total = manager.make<Total>();
  manager.publish("jobs", jobs);
  manager.publish("squares", squares);
  manager.publish("total", total);

  mp::Process first(work, manager.address());
  mp::Process second(work, manager.address());
  first.start();
  second.start();
  for (int i = 1; i <= 5; ++i) jobs.put(i);
  jobs.shutdown();
  first.join();
  second.join();
  for (const auto& [number, square] : squares.copy()) {
    std::cout << number << " squared is " << square << "\n";
  }
  std::cout << "together " << total.call<&Total::add>(0) << "\n";
}
