// SPDX-License-Identifier: Apache-2.0
// Another program: opens a segment, or a list, by its name, doubles what is there, and says what it saw. It makes no arena.
#include <cstdio>
#include <exception>
#include <string_view>

#include "royong/shared.hpp"

namespace mp = royong;

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  if (std::string_view(argv[1]) == "memory") {
    const auto segment = mp::SharedMemory::open(argv[2]);
    long sum = 0;
    for (auto& number : segment.as<int>()) {
      sum += number;
      number *= 2;
    }
    std::printf("%zu bytes, sum %ld\n", segment.size(), sum);
  } else {
    const auto list = mp::ShareableList::open(argv[2]);
    std::printf("%zu items, %s\n", list.size(), list[0].get<std::string>().c_str());
    list[1] = list[1].get<std::int64_t>() * 2;
    list[-1] = "of another program";
  }
} catch (const std::exception& error) {
  std::printf("%s\n", error.what());
  return 1;
}
