// SPDX-License-Identifier: Apache-2.0
#include "royong/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pty.hpp"
#include "support/subprocess.hpp"

namespace royong_test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string program = std::string(ROYONG_TEST_PROGRAMS) + "/progress";

TEST(ProgressBar, on_a_terminal_ends_at_all_of_them) {
  Pty terminal({{program}});
  const std::string drawn = terminal.read_until("last 1521");
  EXPECT_THAT(drawn, HasSubstr("squares   0% |"));
  EXPECT_THAT(drawn, HasSubstr("squares 100% |##############################| 40/40"));
  EXPECT_EQ(terminal.wait(), 0);
}

TEST(ProgressBar, elsewhere_draws_nothing) {
  const Finished end = run({{program}});
  EXPECT_EQ(end.output, "last 1521\n");
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
