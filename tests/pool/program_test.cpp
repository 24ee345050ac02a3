// SPDX-License-Identifier: Apache-2.0
// Whole programs with a pool: how they exit, and what else they do with their children.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/subprocess.hpp"

namespace royong_test {
namespace {

std::string program(const char* name) { return std::string(ROYONG_TEST_PROGRAMS) + "/" + name; }

constexpr auto methods = {"fork", "spawn", "forkserver"};

class ExitFromAnotherThread : public testing::TestWithParam<const char*> {};

TEST_P(ExitFromAnotherThread, ends_the_pool_and_keeps_the_code) {
  for (const char* meanwhile : {"map", "apply", "get", "make", "close"}) {
    const Finished end = run({{program("exit_from_thread"), GetParam(), meanwhile}});
    EXPECT_EQ(end.exit_code, 7) << meanwhile << "\n" << end.output << end.error;
    EXPECT_EQ(end.error, "") << meanwhile;
  }
}

TEST_P(ExitFromAnotherThread, of_a_task_loses_the_task_only) {
  const Finished end = run({{program("exit_from_thread"), GetParam(), "task"}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "worker ended with 9\nthen 4\n") << end.error;
}

INSTANTIATE_TEST_SUITE_P(Methods, ExitFromAnotherThread, testing::ValuesIn(methods));

using Choice = std::tuple<const char*, const char*, const char*>;

class StaticHandles : public testing::TestWithParam<Choice> {};

TEST_P(StaticHandles, end_with_the_program) {
  const auto& [method, storage, how] = GetParam();
  const Finished end = run({{program("static_handles"), method, storage, how}});
  EXPECT_EQ(end.exit_code, 6) << end.error;
  EXPECT_EQ(end.output, "process done\n");
  EXPECT_EQ(end.error, "");
}

std::string name_of(const testing::TestParamInfo<Choice>& test) {
  const auto& [method, storage, how] = test.param;
  return std::string(storage) + "_by_" + how + "_" + method;
}

INSTANTIATE_TEST_SUITE_P(Of, StaticHandles,
                         testing::Combine(testing::ValuesIn(methods),
                                          testing::Values("global", "local", "thread",
                                                          "other_thread"),
                                          testing::Values("return", "exit")),
                         name_of);

class Reaped : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Reaped, by_others_workers_are_replaced) {
  const auto& [method, how] = GetParam();
  const Finished end = run({{program("reaped"), method, how}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "lost 20, size 2\nleft 0\n") << end.error;
  EXPECT_EQ(end.error, "");
}

INSTANTIATE_TEST_SUITE_P(Methods, Reaped,
                         testing::Combine(testing::ValuesIn(methods),
                                          testing::Values("ignore", "wait")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" +
                                  std::get<1>(test.param);
                         });

}  // namespace
}  // namespace royong_test
