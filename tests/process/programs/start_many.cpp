// SPDX-License-Identifier: Apache-2.0
// Starts processes until the system refuses, tells why, and how many still run.
// Arguments: method, how many at the most; then "nobody": as that user, "large": with large arguments, "removed FILE": without it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

void wait_with(const std::string&) {
  for (;;) ::pause();
}

int start_many(royong::StartMethod method, int count, std::size_t argument) {
  std::vector<royong::Process> processes;
  std::size_t started = 0;
  try {
    for (int i = 0; i < count; ++i) {
      processes.push_back(royong::get_context(method).process({.daemon = true}, wait_with,
                                                              std::string(argument, 'x')));
      processes.back().start();
      ++started;
    }
    std::printf("all started\n");
  } catch (const std::exception& error) {
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
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto asked = [&](const char* what) {
    for (int i = 3; i < argc; ++i)
      if (std::string_view(argv[i]) == what) return true;
    return false;
  };
  if (asked("nobody") && ::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
    return 2;
  royong::init(argc, argv);
  if (argc < 3) return 2;
  if (asked("removed") && ::unlink(argv[4]) != 0) return 2;
  const std::string_view name = argv[1];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  return start_many(method, std::atoi(argv[2]), asked("large") ? 8'000'000 : 1);
} catch (const std::system_error& error) {
  std::printf("refused: %s\n", error.what());
  return 3;
}
