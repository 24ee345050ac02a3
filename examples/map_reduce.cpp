// SPDX-License-Identifier: Apache-2.0
// Map-reduce: how often each word occurs. Workers count what they read before anything travels.
#include <royong/init.hpp>
#include <royong/mapreduce.hpp>
#include <royong/pool.hpp>

#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace mp = royong;

void count_words(const std::string& line, mp::Emitter<std::string, int>& out) {
  std::istringstream words(line);
  for (std::string word; words >> word;) out(word, 1);
}

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::vector<std::string> lines{"gotong royong carries the load", "the load is shared",
                                       "the village carries together", "the load is light"};
  mp::Pool pool(2);
  const auto counts = mp::map_reduce<std::string, int>(pool, lines, count_words, add);

  for (const auto& [word, count] : std::map<std::string, int>(counts.begin(), counts.end())) {
    if (count > 1) std::printf("%s %d\n", word.c_str(), count);
  }
}
