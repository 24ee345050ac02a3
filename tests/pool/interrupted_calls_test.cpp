// SPDX-License-Identifier: Apache-2.0
// Signals that interrupt system calls all the time change nothing: no wait ends early, and no call tells of them.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/subprocess.hpp"

namespace royong_test {
namespace {

class InterruptedCalls : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(InterruptedCalls, go_on) {
  const auto& [method, what] = GetParam();
  const Finished end =
      run({{std::string(ROYONG_TEST_PROGRAMS) + "/interrupted_calls", method, what}});
  EXPECT_EQ(end.output, "all right\n");
  EXPECT_EQ(end.error, "");
  EXPECT_EQ(end.exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Of, InterruptedCalls,
                         testing::Combine(testing::Values("fork", "spawn", "forkserver"),
                                          testing::Values("processes", "locks", "queues", "pools")),
                         [](const auto& test) {
                           return std::string(std::get<1>(test.param)) + "_by_" +
                                  std::get<0>(test.param);
                         });

}  // namespace
}  // namespace royong_test
