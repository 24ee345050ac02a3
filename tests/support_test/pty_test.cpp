// SPDX-License-Identifier: Apache-2.0
#include "support/pty.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/matchers.hpp"

namespace {

using royong_test::Pty;
using testing::HasSubstr;

TEST(Pty, gives_the_program_a_terminal) {
  Pty terminal({.arguments = {"sh", "-c", "test -t 0 && test -t 1 && stty size"}});
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_EQ(terminal.output(), "24 80\r\n");
}

TEST(Pty, typing_reaches_the_program) {
  Pty terminal({.arguments = {"sh", "-c", "echo ready; read line; echo got $line; exit 3"}});
  terminal.read_until("ready");
  terminal.type("hello\n");
  terminal.read_until("got hello");
  EXPECT_EQ(terminal.wait(), 3);
}

TEST(Pty, ctrl_c_interrupts_the_whole_foreground_group) {
  Pty terminal(
      {.arguments = {"sh", "-c",
                     "trap 'echo interrupted; exit 7' INT; sleep 1000 & echo ready; wait"}});
  terminal.read_until("ready");
  terminal.type(Pty::ctrl_c);
  EXPECT_EQ(terminal.wait(), 7);
  EXPECT_THAT(terminal.output(), HasSubstr("interrupted"));
}

TEST(Pty, says_what_came_instead_of_the_expected_text) {
  Pty terminal({.arguments = {"echo", "something"}});
  EXPECT_THROW_MESSAGE(terminal.read_until("else"), std::runtime_error, "something");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(Pty, kills_what_still_runs_at_the_end_of_its_scope) {
  Pty terminal({.arguments = {"sleep", "1000"}});
}

}  // namespace
