// SPDX-License-Identifier: Apache-2.0
// Another part of the program takes the exit statuses of all children away. Arguments: start method; how: "ignore": SIGCHLD is ignored,
// "wait": a thread waits for any child.
#include <linux/ioctl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

/// Whether this kernel tells the status of a child that was waited for by somebody else (PIDFD_GET_INFO, Linux 6.15).
bool kernel_remembers() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(7);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  ::waitpid(child, nullptr, 0);
  std::array<std::uint64_t, 8> info{1U << 3};
  const bool told =
      ::ioctl(pidfd, _IOWR(0xFF, 11, decltype(info)), &info) == 0 && (info[0] & (1U << 3)) != 0;
  ::close(pidfd);
  return told;
}

void reap_everything() {
  for (;;)
    if (::waitpid(-1, nullptr, 0) < 0) ::usleep(50);  // there is no child now
}

void tell(const char* what, const royong::Process& process) {
  const auto code = process.exitcode();
  std::printf("%s %s\n", what, code ? std::to_string(*code).c_str() : "unknown");
}

void wait_for_ever() {
  for (;;) ::pause();
}

void start_another(royong::StartMethod method) {
  auto child = royong::get_context(method).process([] { std::exit(5); });
  child.start();
  child.join();
  std::exit(child.exitcode().value_or(99));
}

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  std::printf("kernel %s\n", kernel_remembers() ? "remembers" : "forgets");
  if (std::string_view(argv[2]) == "ignore") {
    ::signal(SIGCHLD, SIG_IGN);
  } else {
    std::thread(reap_everything).detach();
  }
  const auto context = royong::get_context(method);

  for (int round = 0; round < 20; ++round) {
    auto ends = context.process([] { std::exit(7); });
    ends.start();
    ends.join();
    if (round == 0 || ends.exitcode().value_or(7) != 7) tell("ended", ends);
  }
  auto killed = context.process(wait_for_ever);
  auto other = context.process(wait_for_ever);
  killed.start();
  other.start();
  killed.kill();
  killed.join();
  tell("killed", killed);
  std::printf("other lives %d\n", other.is_alive());
  other.terminate();
  other.join();
  tell("terminated", other);

  auto nested = context.process(start_another, method);
  nested.start();
  nested.join();
  tell("nested", nested);

  // Nobody joins it: the service thread sees its end.
  auto unwatched = context.process([] {});
  unwatched.start();
  while (!royong::active_children().empty()) ::usleep(1000);
  std::printf("seen\n");
}
