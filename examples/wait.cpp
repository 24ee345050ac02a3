// SPDX-License-Identifier: Apache-2.0
// One loop over many: three workers report through pipes of their own, and `wait` tells who has something to say.
#include <royong/connection.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <algorithm>
#include <iostream>
#include <vector>

namespace mp = royong;

void count(mp::Connection report, int number) {
  for (int i = 1; i <= 3; ++i) report.send(number * i);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  std::vector<mp::Connection> readers;
  std::vector<mp::Process> workers;
  for (int number : {1, 10, 100}) {
    auto [reader, writer] = mp::Pipe(false);
    workers.emplace_back(count, writer, number);
    workers.back().start();
    readers.push_back(reader);
    writer.close();  // so that the worker's end is the end
  }

  int sum = 0;
  while (!readers.empty()) {
    for (auto& reader : mp::wait(readers)) {
      try {
        sum += reader.recv<int>();
      } catch (const mp::EndOfFile&) {
        reader.close();
      }
    }
    std::erase_if(readers, [](const auto& reader) { return reader.closed(); });
  }
  std::cout << sum << "\n";

  for (auto& worker : workers) worker.join();
  std::cout << mp::wait(workers).size() << " workers have ended\n";
}
