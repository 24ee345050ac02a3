// SPDX-License-Identifier: Apache-2.0
// out_of_memory FOLDER: enters the control group of that folder, whose memory is limited, and lets a task take more.
#include <cstdio>
#include <fstream>
#include <memory>
#include <vector>

#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace mp = royong;

namespace {

std::size_t take_a_gigabyte() {
  std::vector<std::unique_ptr<char[]>> blocks;
  while (blocks.size() < 64) blocks.push_back(std::make_unique<char[]>(16 << 20));
  return blocks.size();
}

int square(int x) { return x * x; }

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  // Before the forkserver and the workers, which are born into the group.
  if (argc < 2 || !(std::ofstream(std::string(argv[1]) + "/cgroup.procs") << "0" << std::flush)) {
    std::printf("cannot enter\n");
    return 0;
  }
  mp::Pool pool(1, {.limits = {.oom_score_adj = 1000}});
  pool.apply(square, 1);
  try {
    pool.apply({.name = "hungry"}, take_a_gigabyte);
    std::printf("nothing happened\n");
  } catch (const mp::WorkerDied& error) {
    std::printf("%s\n", error.what());
  }
  std::printf("then %d\n", pool.apply(square, 2));
}
