// SPDX-License-Identifier: Apache-2.0
// Writes how long each batch of the word count takes, in nanoseconds: the lengths that scale_sim draws from.
#include <chrono>
#include <cstdio>

#include "identifiers.hpp"
#include "sources.hpp"

int main(int argc, char** argv) {
  const auto sources = wordcount::find_sources(argc > 1 ? argv[1] : "/usr/include");
  for (const auto& batch : wordcount::divide(sources.files, 256 * 1024)) {
    const auto begin = std::chrono::steady_clock::now();
    wordcount::Counts counts;
    for (const auto& path : batch.paths)
      wordcount::count_identifiers(wordcount::read_file(path), counts);
    std::printf("%lld\n",
                static_cast<long long>(
                    std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count()));
  }
}
