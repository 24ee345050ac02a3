// SPDX-License-Identifier: Apache-2.0
// Starts processes until the system refuses, tells why, and how many still run. Arguments: method, how many at the most.
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <system_error>
#include <vector>

#include "royong/init.hpp"
#include "royong/process.hpp"

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  std::vector<royong::Process> processes;
  std::size_t started = 0;
  try {
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
      processes.push_back(royong::get_context(method).process({.daemon = true}, [] {
        for (;;) ::pause();
      }));
      processes.back().start();
      ++started;
    }
    std::printf("all started\n");
  } catch (const std::system_error& error) {
    std::printf("refused: %s\n", error.what());
  }
  const bool consistent = royong::active_children().size() == started;
  // The program goes on: once there is room, processes start again.
  processes.clear();
  auto again = royong::get_context(method).process([] { std::exit(7); });
  again.start();
  again.join();
  std::printf("%s, again %d\n", consistent ? "consistent" : "inconsistent",
              again.exitcode().value());
}
