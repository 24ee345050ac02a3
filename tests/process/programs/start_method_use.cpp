// SPDX-License-Identifier: Apache-2.0
// What fixes the start method: a start by it. A question does not, nor does a start by another one.
#include <cstdio>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace mp = royong;

namespace {

bool may_set(mp::StartMethod method) {
  try {
    mp::set_start_method(method);
    return true;
  } catch (const mp::UsageError&) {
    return false;
  }
}

void run(const mp::ProcessOptions& options) {
  mp::Process process(options, [] {});
  process.start();
  process.join();
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const bool asked = mp::get_start_method() == mp::StartMethod::forkserver;
  run({.start_method = mp::StartMethod::fork});
  if (argc > 1) run({});
  std::printf("%s, then %s\n", asked ? "forkserver" : "other",
              may_set(mp::StartMethod::spawn) ? "set" : "fixed");
}
