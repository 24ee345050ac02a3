// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them, the same at each run.
 */
#include <algorithm>   // for std::ranges::sort
#include <cstddef>     // for std::size_t
#include <cstdint>     // for std::uint8_t
#include <cstdio>      // for std::printf
#include <filesystem>  // for std::filesystem::directory_iterator
#include <fstream>     // for std::ifstream
#include <iterator>    // for std::istreambuf_iterator
#include <random>      // for std::mt19937
#include <vector>      // for std::vector

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int mutations = 20'000;

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Bytes> read_corpus(const std::filesystem::path& folder) {
  std::vector<Bytes> corpus{Bytes{}};
  if (!std::filesystem::is_directory(folder)) return corpus;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    corpus.push_back(read_file(entry.path()));
  }
  std::ranges::sort(corpus);  // a folder has no order of its own
  return corpus;
}

class Mutator {
 public:
  /// A few random edits: a byte changed, a bit flipped, bytes inserted, the end cut off.
  Bytes operator()(Bytes bytes) {
    for (auto edits = below(4) + 1; edits > 0; --edits) {
      const auto at = below(bytes.size() + 1);
      if (at == bytes.size()) {
        bytes.insert(bytes.end(), below(16), random_byte());
        continue;
      }
      switch (below(4)) {
        case 0: bytes[at] = random_byte(); break;
        case 1: bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << below(8))); break;
        case 2:
          bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), below(16), random_byte());
          break;
        default: bytes.resize(at); break;
      }
    }
    return bytes;
  }

  std::size_t below(std::size_t end) { return random_() % end; }

 private:
  std::uint8_t random_byte() { return static_cast<std::uint8_t>(random_()); }

  std::mt19937 random_{42};  // the same sequence at each run
};

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = read_corpus(argc > 1 ? argv[1] : "");
  for (const auto& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());

  Mutator mutate;
  for (int i = 0; i < mutations; ++i) {
    const auto input = mutate(corpus[mutate.below(corpus.size())]);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu inputs and %d mutations replayed\n", corpus.size(), mutations);
}
