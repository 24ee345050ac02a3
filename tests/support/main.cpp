// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief main of every test program: workers first, then a supervisor in front of the tests.
 */
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>       // for std::perror
#include <cstdlib>      // for std::getenv
#include <string_view>  // for std::string_view
#include <utility>      // for std::move

#include "royong/init.hpp"
#include "support/backtrace.hpp"
#include "support/leak_listener.hpp"
#include "support/supervisor.hpp"

namespace {

int run_tests(int argc, char** argv, royong_test::LeakScope scope) {
  royong::init(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  listeners.Append(new royong_test::LeakListener(std::move(scope)));
  return RUN_ALL_TESTS();
}

// googletest runs this program again for the statement of a "threadsafe" death test.
bool is_death_test(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).starts_with("--gtest_internal_run_death_test")) return true;
  }
  return false;
}

int run_death_test(int argc, char** argv) {
  royong::init(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

bool wants_supervisor() {
  const char* wish = std::getenv("ROYONG_TEST_SUPERVISOR");
  return wish == nullptr || std::string_view(wish) != "0";
}

}  // namespace

int main(int argc, char** argv) {
  if (royong::is_worker()) royong::init(argc, argv);  // Never returns.
  if (is_death_test(argc, argv)) return run_death_test(argc, argv);
  if (!wants_supervisor()) return run_tests(argc, argv, {.family = ::getpid()});

  const royong_test::Run run = royong_test::prepare_run();
  const pid_t test_process = ::fork();
  if (test_process < 0) {
    std::perror("cannot fork");
    return 1;
  }
  if (test_process > 0) royong_test::supervise(run, test_process);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // Of a killed supervisor nothing remains.
  royong_test::install_backtrace_handler();
  return run_tests(argc, argv, run.scope());
}
