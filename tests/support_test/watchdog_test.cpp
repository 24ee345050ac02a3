// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>  // for std::chrono::seconds
#include <thread>  // for std::thread

#include "support/process_tree.hpp"
#include "support/subprocess.hpp"

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

__attribute__((noinline)) void hang_in_this_function() {
  for (;;) ::pause();
}

TEST(Hangs, DISABLED_with_a_thread_and_a_child) {
  royong_test::allow_time(1s);
  if (::fork() == 0) {
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(1);
  }
  std::thread(hang_in_this_function).join();
}

TEST(Watchdog, names_the_test_and_its_processes_and_kills_them) {
  const auto finished = royong_test::run_this_program(
      {.arguments = {"--gtest_filter=Hangs.DISABLED_with_a_thread_and_a_child",
                     "--gtest_also_run_disabled_tests"}});
  EXPECT_EQ(finished.exit_code, -SIGABRT);
  EXPECT_THAT(finished.error,
              HasSubstr("watchdog: Hangs.DISABLED_with_a_thread_and_a_child hangs"));
  EXPECT_THAT(finished.error, HasSubstr("`sleep 1000`"));
  EXPECT_THAT(finished.error, HasSubstr("hang_in_this_function"));
  EXPECT_TRUE(royong_test::descendants(::getpid()).empty());
}

TEST(Hangs, DISABLED_but_has_more_time) {
  royong_test::allow_time(1s);
  royong_test::allow_time(20s);
  std::this_thread::sleep_for(1500ms * royong_test::time_factor());
}

TEST(Watchdog, gives_a_test_the_time_it_asks_for) {
  const auto finished = royong_test::run_this_program(
      {.arguments = {"--gtest_filter=Hangs.DISABLED_but_has_more_time",
                     "--gtest_also_run_disabled_tests"}});
  EXPECT_EQ(finished.exit_code, 0) << finished.error;
}

}  // namespace
