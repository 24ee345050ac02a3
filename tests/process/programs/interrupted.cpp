// SPDX-License-Identifier: Apache-2.0
// Two workers on a terminal, for tests that press Ctrl-C. Argument "patient": the program itself ignores it.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

void work(const char* name) {
  // Blocked but for the time it is waited for: no signal is handled unseen.
  sigset_t interrupt;
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::sigprocmask(SIG_BLOCK, &interrupt, nullptr);
  std::printf("%s ready\n", name);
  std::fflush(stdout);
  for (;;) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigsuspend(&none);
    std::printf("%s goes on\n", name);
    std::fflush(stdout);
  }
}

void work_named(const std::string& name) { work(name.c_str()); }

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  const bool patient = argc > 1 && std::string_view(argv[1]) == "patient";
  if (patient) {
    struct sigaction action{};
    action.sa_handler = [](int) { (void)!::write(STDOUT_FILENO, "program interrupted\n", 20); };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
  }
  royong::Process one(work_named, std::string("one"));
  royong::Process two(royong::ProcessOptions{.start_method = royong::StartMethod::fork}, work_named,
                      std::string("two"));
  one.start();
  two.start();
  one.join();
  two.join();
  std::printf("ended %d %d\n", one.exitcode().value(), two.exitcode().value());
}
