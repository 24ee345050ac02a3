// SPDX-License-Identifier: Apache-2.0
// A call that sometimes hangs, with a deadline: the worker is killed, another one takes its place, the rest goes on.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

// Stands for a solver that loops for ever on some inputs, deaf to everything.
int solve(int problem) {
  if (problem == 13) {
    for (;;) ::pause();
  }
  return problem * problem;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::ProcessPoolExecutor executor(2);
  std::vector<mp::Future<int>> answers;
  for (const int problem : {11, 13, 12})
    answers.push_back(
        executor.submit({.name = std::to_string(problem), .timeout = 300ms}, solve, problem));

  for (const auto& answer : answers) {
    try {
      std::printf("%d\n", answer.get());
    } catch (const mp::TimeoutError&) {
      std::puts("no answer in time");
    }
  }
}
