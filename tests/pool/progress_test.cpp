// SPDX-License-Identifier: Apache-2.0
#include "royong/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pty.hpp"
#include "support/subprocess.hpp"

namespace royong_test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const std::string drawing_program = std::string(ROYONG_TEST_PROGRAMS) + "/progress";

TEST(ProgressBar, on_a_terminal_ends_at_all_of_them) {
  Pty terminal({{drawing_program}});
  const std::string drawn = terminal.read_until("last 1521");
  EXPECT_THAT(drawn, HasSubstr("squares   0% |"));
  EXPECT_THAT(drawn, HasSubstr("squares 100% |##############################| 40/40"));
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(ProgressBar, tells_the_rate_and_the_time_that_is_left) {
  Pty terminal({{drawing_program, "slow"}});
  const std::string drawn = terminal.read_until("end");
  EXPECT_THAT(drawn, ContainsRegex("slow +[0-9]+% .#+ *. [123]/4 .[0-9:]+ left [0-9:]+, "
                                   "[0-9.]+/s."));
  EXPECT_THAT(drawn, ContainsRegex("slow 100% .#+. 4/4 .[0-9:]+, [0-9.]+/s."));
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(ProgressBar, is_drawn_by_every_form) {
  Pty terminal({{drawing_program, "all"}});
  const std::string drawn = terminal.read_until("end");
  for (const char* last : {"starmap 100% |##############################| 2/2", "imap 40 [",
                           "unordered 40 [", "for 100% |##############################| 40/40",
                           "async 100% |##############################| 40/40",
                           "completed 100% |##############################| 40/40"}) {
    EXPECT_THAT(drawn, HasSubstr(last));
  }
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(ProgressBar, within_another_has_a_line_of_its_own_and_goes_first) {
  Pty terminal({{drawing_program, "nested"}});
  const std::string drawn = terminal.read_until("end");
  // The inner one opens a line below, and at its end clears it and goes back up.
  const auto opened = drawn.find("\r\n\rinner   0%");
  const auto closed = drawn.find("40/40", opened);
  ASSERT_NE(opened, std::string::npos) << drawn;
  EXPECT_THAT(drawn.substr(closed, 80), HasSubstr("\x1b[K\r\x1b[K\x1b[A"));
  EXPECT_THAT(drawn, HasSubstr("outer 100% |##############################| 3/3"));
  EXPECT_EQ(drawn.find("\r\nend"), drawn.find("\r\n", drawn.rfind("3/3")));
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(ProgressBar, of_a_worker_is_not_drawn) {
  Pty terminal({{drawing_program, "worker"}});
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_EQ(terminal.output(), "end\r\n");
}

TEST(ProgressBar, elsewhere_draws_nothing) {
  const Finished end = run({{drawing_program}});
  EXPECT_EQ(end.output, "last 1521\nend\n");
  EXPECT_EQ(end.error, "");
}

TEST(ProgressBar, without_a_terminal_takes_every_call) {
  const auto progress = royong::Progress::bar("nothing");
  progress.start(3);
  progress.update(7);
  progress.finish();
  royong::Progress().finish();
}

}  // namespace
}  // namespace royong_test
