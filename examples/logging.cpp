// SPDX-License-Identifier: Apache-2.0
// The library's log on stderr: every line says which process wrote it. Workers inherit the level.
#include <royong/init.hpp>
#include <royong/logging.hpp>
#include <royong/process.hpp>

#include <iostream>

namespace mp = royong;

void work(int number) { mp::get_logger()->info("working on number {}", number); }

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::log_to_stderr(mp::LogLevel::info);

  mp::Process process({.name = "worker"}, work, 7);
  process.start();
  process.join();
  mp::get_logger()->warn("lines look like [INFO/worker] working on number 7");
  std::cout << "see stderr\n";
}
