// SPDX-License-Identifier: Apache-2.0
// A value and an array in a manager's server. What a function does to a value in the server, no other call sees half-done.
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace mp = royong;

struct Best {
  std::string name;
  double score = 0;
};

void report(mp::ManagerValue<Best> best, mp::ManagerArray<double> scores, int place,
            std::string name, double score) {
  scores[place] = score;
  best.update(
      [](Best& seen, const std::string& mine, double value) {
        if (value > seen.score) seen = {mine, value};
      },
      name, score);
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  mp::Manager manager;
  const auto best = manager.value<Best>(Best{"nobody", 0});
  const auto scores = manager.array<double>(3);
  std::vector<mp::Process> processes;
  processes.emplace_back(report, best, scores, 0, "Wati", 3.5);
  processes.emplace_back(report, best, scores, 1, "Budi", 9.25);
  processes.emplace_back(report, best, scores, -1, "Sari", 7.0);
  for (auto& process : processes) process.start();
  for (auto& process : processes) process.join();

  const Best winner = best.get();
  std::cout << winner.name << " wins with " << winner.score << "\n";
  for (auto& score : scores) std::cout << score << "\n";
}
