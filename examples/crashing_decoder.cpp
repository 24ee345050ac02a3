// SPDX-License-Identifier: Apache-2.0
// A decoder that dereferences what it reads: in a worker, a bad file costs that file and nothing else.
#include <royong/init.hpp>
#include <royong/pool.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace mp = royong;

// Stands for the library that nobody can repair.
std::size_t decode(const std::string& file) {
  if (file == "empty.img") throw std::runtime_error("empty.img: no header");
  if (file == "evil.img") std::raise(SIGSEGV);
  if (file == "odd.img") std::abort();
  return file.size() * 1000;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2);
  const std::vector<std::string> files{"cat.img", "evil.img", "dog.img", "empty.img", "odd.img"};

  std::vector<mp::Future<std::size_t>> images;
  for (const auto& file : files) images.push_back(pool.apply_async({.name = file}, decode, file));
  for (const auto& image : images) {
    try {
      std::printf("%zu bytes\n", image.get());
    } catch (const mp::WorkerDied& death) {
      std::printf("%s: the decoder died by signal %d\n", death.task().c_str(),
                  -death.exitcode().value_or(0));
    } catch (const std::exception& error) {
      std::puts(error.what());
    }
  }
}
