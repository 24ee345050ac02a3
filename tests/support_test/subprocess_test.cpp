// SPDX-License-Identifier: Apache-2.0
#include "support/subprocess.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace {

using royong_test::run;
using testing::HasSubstr;

TEST(Subprocess, returns_what_the_program_wrote_and_its_exit_code) {
  const auto finished = run({.arguments = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
  EXPECT_EQ(finished.output, "out\n");
  EXPECT_EQ(finished.error, "err\n");
  EXPECT_EQ(finished.exit_code, 3);
}

TEST(Subprocess, tells_the_signal_that_killed_it) {
  EXPECT_EQ(run({.arguments = {"sh", "-c", "kill -9 $$"}}).exit_code, -SIGKILL);
}

TEST(Subprocess, sets_and_unsets_the_environment) {
  const auto finished = run({.arguments = {"sh", "-c", "echo $ONE:$HOME"},
                             .environment = {{"ONE", "1"}, {"HOME", std::nullopt}}});
  EXPECT_EQ(finished.output, "1:\n");
}

TEST(Subprocess, sets_limits) {
  const auto finished =
      run({.arguments = {"sh", "-c", "ulimit -n"}, .limits = {{RLIMIT_NOFILE, 20}}});
  EXPECT_EQ(finished.output, "20\n");
}

TEST(Subprocess, passes_input_larger_than_a_pipe_both_ways) {
  const std::string text(1'000'000, 'x');
  EXPECT_EQ(run({.arguments = {"cat"}, .input = text}).output, text);
}

TEST(Subprocess, may_end_without_reading_its_input) {
  EXPECT_EQ(run({.arguments = {"true"}, .input = std::string(1'000'000, 'x')}).exit_code, 0);
}

TEST(Subprocess, says_that_a_program_is_missing) {
  const auto finished = run({.arguments = {"/no/such/program"}});
  EXPECT_EQ(finished.exit_code, 127);
  EXPECT_THAT(finished.error, HasSubstr("cannot execute /no/such/program: No such file"));
}

}  // namespace
