// SPDX-License-Identifier: Apache-2.0
// A crew works off a list of tasks; `join` returns when all of them are done, not merely taken.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/queue.hpp>
#include <royong/shared.hpp>

#include <array>
#include <iostream>

namespace mp = royong;

void work(mp::JoinableQueue<int> tasks, mp::Value<int> total) {
  for (auto& task : tasks) {
    total += task * task;
    tasks.task_done();
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::JoinableQueue<int> tasks;
  const mp::Value<int> total;
  std::array crew{mp::Process(work, tasks, total), mp::Process(work, tasks, total)};
  for (auto& worker : crew) worker.start();

  for (int i = 1; i <= 100; ++i) tasks.put(i);
  tasks.join();
  std::cout << "the sum of the squares is " << total.load() << ", " << tasks.lost() << " lost\n";

  tasks.shutdown();  // ends the loops
}
