// SPDX-License-Identifier: Apache-2.0
// Creates the segment that its second argument names, and ends in the way that its first argument says. In the end the segment must be gone.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "royong/init.hpp"
#include "royong/process.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"

namespace mp = royong;

namespace {

void wait_for_death(mp::Event ready) {
  ready.set();
  for (;;) ::pause();
}

std::vector<mp::Process> start_family() {
  std::vector<mp::Process> family;
  for (const auto method : mp::get_all_start_methods()) {
    const mp::Event ready;
    family.push_back(mp::get_context(method).process(wait_for_death, ready));
    family.back().start();
    ready.wait();
  }
  return family;
}

void create_and_die(std::string name) {
  mp::SharedMemory::create(100, name).buf()[0] = std::byte{7};
  ::raise(SIGKILL);
}

void stay_until_told(mp::SharedMemory segment, mp::Event ready) {
  ready.set();
  const auto told = segment.as<unsigned char>();
  while (__atomic_load_n(&told[0], __ATOMIC_ACQUIRE) == 0) ::usleep(1000);
}

void say(const std::string& text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  if (argc != 3) return 2;
  const std::string_view way = argv[1];
  const std::string name = argv[2];

  if (way == "worker") {  // its creator's death is not its family's
    mp::Process worker(create_and_die, name);
    worker.start();
    worker.join();
    const auto segment = mp::SharedMemory::open(name);
    say("exit " + std::to_string(worker.exitcode().value()) + ", byte " +
        std::to_string(std::to_integer<int>(segment.buf()[0])));
    return 0;
  }

  const auto segment = mp::SharedMemory::create(100, name, {.persist = way == "persist"});
  if (way == "children") {
    int status = 0;
    say(::waitpid(-1, &status, WNOHANG) == -1 ? "none" : "some");
  } else if (way == "killed") {
    const auto family = start_family();
    say("dies");
    ::raise(SIGKILL);
  } else if (way == "massacre" || way == "terminal") {  // all of them at one stroke
    ::setpgid(0, 0);
    const auto family = start_family();
    say("die");
    ::kill(0, way == "massacre" ? SIGKILL : SIGINT);
    for (;;) ::pause();
  } else if (way == "unlinked") {
    segment.unlink();
    say("unlinked");
    ::raise(SIGKILL);
  } else if (way == "detached") {
    const mp::Event ready;
    mp::Process(mp::ProcessOptions{.detached = true}, stay_until_told, segment, ready).start();
    ready.wait();
  }
}
