// SPDX-License-Identifier: Apache-2.0
// Traces tasks, then dies by SIGKILL while its workers are at it.
#include <signal.h>
#include <unistd.h>

#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace mp = royong;

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2, {.trace = argv[1]});
  const auto twice = [](int x) { return 2 * x; };
  for (int i = 0; i < 50; ++i) pool.apply(twice, i);
  for (int i = 0; i < 500; ++i) pool.apply_async(twice, i);
  ::kill(::getpid(), SIGKILL);
}
