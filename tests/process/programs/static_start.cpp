// SPDX-License-Identifier: Apache-2.0
// A static initialiser starts a process: refused in the program and in each worker, never a fork bomb.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "royong/error.hpp"
#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

void say(const std::string& text) { (void)!::write(STDOUT_FILENO, text.data(), text.size()); }

const bool refused = [] {
  try {
    royong::Process process([] { say("ran\n"); });
    process.start();
    return false;
  } catch (const royong::UsageError&) {
    say(royong::is_worker() ? "refused in a worker\n" : "refused in the program\n");
    return true;
  }
}();

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong::set_start_method(royong::StartMethod::spawn);
  royong::Process process([] { say("after init\n"); });
  process.start();
  process.join();
  return refused ? 5 : 1;
}
