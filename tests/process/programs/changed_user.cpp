// SPDX-License-Identifier: Apache-2.0
// Gives up root after init, as servers do, and starts a process. Arguments: method; when: "cold", or "warm": others were started
// before, or "spares": processes made ahead of time exist.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

void tell() {
  std::printf("%u %u\n", ::getuid(), ::getegid());
  std::fflush(stdout);
}

void run(royong::StartMethod method, void (*f)()) {
  auto process = royong::get_context(method).process(f);
  process.start();
  process.join();
  if (process.exitcode() != 0) std::exit(4);
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const std::string_view when = argv[2];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  if (when == "spares") royong::set_warm_processes(2);
  if (when != "cold") run(method, [] {});
  if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 3;
  run(method, tell);
}
