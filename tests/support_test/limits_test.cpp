// SPDX-License-Identifier: Apache-2.0
#include "support/limits.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>  // for std::runtime_error

#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/temp_dir.hpp"

namespace {

using royong_test::in_child;
using testing::HasSubstr;

TEST(InChild, is_silent_when_all_holds) {
  const auto end = in_child([] { EXPECT_EQ(1 + 1, 2); });
  EXPECT_TRUE(end) << end;
}

TEST(InChild, brings_back_the_text_of_a_failed_expectation) {
  const auto end = in_child([] { EXPECT_EQ(1 + 1, 3) << "as everybody knows"; });
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.failures, HasSubstr("limits_test.cpp"));
  EXPECT_THAT(end.failures, HasSubstr("as everybody knows"));
}

TEST(InChild, brings_back_an_exception) {
  EXPECT_THAT(in_child([] { throw std::runtime_error("oh"); }).failures, HasSubstr("oh"));
}

TEST(InChild, tells_the_signal_that_killed_it) {
  EXPECT_EQ(in_child([] { ::kill(::getpid(), SIGKILL); }).exit_code, -SIGKILL);
}

TEST(InChild, fails_the_test_by_its_macro) {
  EXPECT_IN_CHILD([] {});
  EXPECT_NONFATAL_FAILURE(EXPECT_IN_CHILD([] { FAIL() << "in there"; }), "in there");
}

TEST(ScopedLimit, holds_for_its_scope) {
  EXPECT_IN_CHILD([] {
    {
      const royong_test::ScopedLimit limit(RLIMIT_NOFILE, 0);
      EXPECT_EQ(::open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
    }
    EXPECT_GE(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  });
}

TEST(ExpectThrowMessage, fails_on_another_text) {
  EXPECT_THROW_MESSAGE(throw std::runtime_error("this"), std::runtime_error, "this");
  EXPECT_NONFATAL_FAILURE(
      EXPECT_THROW_MESSAGE(throw std::runtime_error("this"), std::runtime_error, "that"), "that");
  EXPECT_NONFATAL_FAILURE(EXPECT_THROW_MESSAGE(, std::runtime_error, "that"), "throws nothing");
}

TEST(Eventually, returns_when_it_holds) {
  int looks = 0;
  royong_test::eventually([&] { return ++looks == 5; });
  EXPECT_EQ(looks, 5);
  royong_test::eventually([&] { return ++looks == 8; }, STDIN_FILENO);
  EXPECT_EQ(looks, 8);
}

TEST(TempDir, goes_with_its_scope) {
  std::filesystem::path path;
  {
    const royong_test::TempDir folder;
    path = folder.path();
    std::filesystem::create_directories(folder / "a" / "b");
    EXPECT_TRUE(std::filesystem::is_directory(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
