// SPDX-License-Identifier: Apache-2.0
// The three ways in which a process comes to life, and how it tells who it is.
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace mp = royong;
using namespace std::chrono_literals;

void introduce(std::string method) {
  std::cout << mp::current_process().name() << ", a child of " << mp::parent_process()->name()
            << ", by " << method << std::endl;
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  // A context is for its own processes and pools, and leaves the default alone.
  const std::vector<std::pair<std::string, mp::StartMethod>> methods{
      {"fork", mp::StartMethod::fork},
      {"spawn", mp::StartMethod::spawn},
      {"forkserver", mp::StartMethod::forkserver}};
  for (const auto& [name, method] : methods) {
    mp::Process process = mp::get_context(method).process({.name = "worker"}, introduce, name);
    process.start();
    process.join();
  }

  // The default is fixed by the first start that uses it, or by this.
  mp::set_start_method(mp::StartMethod::spawn);
  mp::Process process({.name = "another worker"}, introduce, "spawn");
  process.start();
  if (!process.join(1min)) process.kill();  // false: it still runs

  // By fork nothing has to travel: any callable will do.
  int answer = 41;
  mp::Process copy = mp::fork_context().process([&answer] { std::cout << ++answer << std::endl; });
  copy.start();
  copy.join();
  std::cout << answer << " here: it was a copy" << std::endl;
}
