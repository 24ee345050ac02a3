// SPDX-License-Identifier: Apache-2.0
// One large array in shared memory, worked on by four processes: nothing is copied, each has its own part.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>

#include <cmath>
#include <iostream>
#include <numeric>
#include <span>
#include <vector>

namespace mp = royong;

void fill(mp::RawArray<double> array, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) array[i] = std::sqrt(static_cast<double>(i));
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const mp::RawArray<double> array(1'000'000);

  const std::size_t part = array.size() / 4;
  std::vector<mp::Process> processes;
  for (std::size_t i = 0; i < 4; ++i) {
    processes.emplace_back(fill, array, i * part, (i + 1) * part);
    processes.back().start();
  }
  for (auto& process : processes) process.join();

  const std::span<const double> all(array);  // a range as any other
  std::cout << all[4] << " " << all[999'999] << "\n";
  std::cout << "sum " << std::llround(std::accumulate(all.begin(), all.end(), 0.0)) << "\n";
}
