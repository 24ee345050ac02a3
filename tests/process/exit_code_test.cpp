// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"

namespace royong_test {
namespace {

class ExitCode : public EveryStartMethod {
 protected:
  template <class F, class... Args>
  std::optional<int> exit_code_of(F f, Args... args) {
    auto process = context().process(f, args...);
    process.start();
    process.join();
    return process.exitcode();
  }
};

TEST_P(ExitCode, is_zero_after_a_return) {
  EXPECT_EQ(exit_code_of([] {}), 0);
}

TEST_P(ExitCode, ignores_what_the_function_returns) {
  EXPECT_EQ(exit_code_of([] { return 9; }), 0);
}

TEST_P(ExitCode, is_what_exit_was_called_with) {
  EXPECT_EQ(exit_code_of([] { std::exit(3); }), 3);
  EXPECT_EQ(exit_code_of([] { std::exit(300); }), 44);
  EXPECT_EQ(exit_code_of([] { std::exit(-1); }), 255);
  EXPECT_EQ(exit_code_of([] { ::_exit(17); }), 17);
}

TEST_P(ExitCode, is_one_after_an_exception_that_escaped) {
  EXPECT_EQ(exit_code_of([] { throw std::runtime_error("expected by the test"); }), 1);
  EXPECT_EQ(exit_code_of([] { throw 5; }), 1);
}

TEST_P(ExitCode, is_minus_the_signal_that_killed) {
  EXPECT_EQ(exit_code_of([] { ::raise(SIGKILL); }), -SIGKILL);
  EXPECT_EQ(exit_code_of([] { ::raise(SIGTERM); }), -SIGTERM);
  EXPECT_EQ(exit_code_of([] { std::abort(); }), -SIGABRT);
}

TEST_P(ExitCode, is_minus_the_signal_for_each_way_to_end_it) {
  const auto end_by = [this](void (mp::Process::*member)()) {
    auto process = context().process(wait_for_ever);
    process.start();
    (process.*member)();
    process.join();
    return process.exitcode();
  };
  EXPECT_EQ(end_by(&mp::Process::terminate), -SIGTERM);
  EXPECT_EQ(end_by(&mp::Process::kill), -SIGKILL);
}

TEST_P(ExitCode, of_an_interrupted_process_is_minus_SIGINT) {
  // Until its policy for SIGINT is installed a process has that of its parent's: let it speak first.
  const auto signal_and_wait = [](const std::string& path) {
    write_text(path, "ready");
    wait_for_ever();
  };
  auto process = context().process(signal_and_wait, file("ready"));
  process.start();
  while (read_text(file("ready")) != "ready") std::this_thread::yield();
  process.interrupt();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGINT);
}

TEST_P(ExitCode, is_zero_when_the_main_thread_ends_itself) {
  EXPECT_EQ(exit_code_of([] { ::pthread_exit(nullptr); }), 0);
}

TEST_P(ExitCode, is_known_although_another_part_of_the_program_ignores_children) {
  struct sigaction before{};
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  const auto code = exit_code_of([] { std::exit(6); });
  ::sigaction(SIGCHLD, &before, nullptr);
  // The kernel tells it since 6.15; before that it is unknown, not wrong.
  EXPECT_TRUE(!code || code == 6) << *code;
}

ROYONG_EVERY_START_METHOD(ExitCode);

}  // namespace
}  // namespace royong_test
