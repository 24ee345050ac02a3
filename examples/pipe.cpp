// SPDX-License-Identifier: Apache-2.0
// Two processes talk through a pipe. When the one closes its end, the other has read everything and sees the end.
#include <royong/connection.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

void average(mp::Connection connection) {
  try {
    for (;;) {
      const auto numbers = connection.recv<std::vector<double>>();
      double sum = 0;
      for (const double number : numbers) sum += number;
      connection.send(sum / static_cast<double>(numbers.size()));
    }
  } catch (const mp::EndOfFile&) {
    std::cout << "no more numbers" << std::endl;
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  auto [mine, theirs] = mp::Pipe();  // both ways; Pipe(false) is {reader, writer}
  mp::Process process(average, theirs);
  process.start();
  theirs.close();  // the process has it now: its death would be seen here

  mine.send(std::vector{1.0, 2.0, 6.0});
  std::cout << mine.recv<double>() << std::endl;
  mine.send(std::vector{10.0, 20.0});
  std::cout << mine.recv<double>(1min) << std::endl;  // TimeoutError when the time is over

  mine.close();
  process.join();
}
