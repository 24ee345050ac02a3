// SPDX-License-Identifier: Apache-2.0
// Two processes talk through a queue: one puts, one takes, and `shutdown` ends the conversation.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/queue.hpp>

#include <iostream>
#include <string>

namespace mp = royong;

struct Order {
  int number;
  std::string dish;
};

void kitchen(mp::Queue<Order> orders, mp::Queue<std::string> served) {
  for (auto& order : orders) {  // waits for each; ends when the queue is shut down and drained
    served.put("order " + std::to_string(order.number) + ": " + order.dish);
  }
  served.shutdown();
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Queue<Order> orders;
  const mp::Queue<std::string> served;
  mp::Process process(kitchen, orders, served);
  process.start();

  orders.put({1, "rendang"});
  orders.put({2, "gado-gado"});
  orders.put({3, "soto ayam"});
  orders.shutdown();

  for (auto& dish : served) std::cout << dish << "\n";
  process.join();
}
