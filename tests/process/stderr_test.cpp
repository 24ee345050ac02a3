// SPDX-License-Identifier: Apache-2.0
// What processes write to stderr: their last words, and what the level of their parent lets them log.
#include <exception>
#include <optional>
#include <stdexcept>

#include "logging/log.hpp"
#include "process/every_start_method.hpp"
#include "process/forkserver.hpp"
#include "royong/logging.hpp"
#include "support/captured_stderr.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A forkserver keeps the stderr of its start: each case has one of its own.
class StderrOfProcesses : public EveryStartMethod {
 protected:
  void SetUp() override {
    royong::detail::stop_forkserver();
    captured_.emplace();
  }
  void TearDown() override {
    royong::detail::stop_forkserver();
    captured_.reset();
    mp::log_to_stderr(level_);
  }
  /// What a process says that runs it.
  template <class F>
  std::string said_by(F f, int exit_code = 0) {
    auto process = context().process({.name = "speaker"}, f);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), exit_code);
    return captured_->text();
  }

 private:
  std::optional<CapturedStderr> captured_;
  mp::LogLevel level_ = royong::detail::log_level();
};

void lose_an_element() { throw std::out_of_range("no element 3"); }

void lose_an_element_and_say_at_what() {
  try {
    lose_an_element();
  } catch (const std::out_of_range&) {
    std::throw_with_nested(std::invalid_argument("cannot load"));
  }
}

TEST_P(StderrOfProcesses, has_the_name_and_the_traceback_of_one_that_an_exception_ends) {
  const std::string text = said_by(lose_an_element, 1);
  EXPECT_TRUE(text.starts_with("Process speaker:\nTraceback (innermost call first):\n  at "))
      << text;
  EXPECT_TRUE(text.ends_with("]\nstd::out_of_range: no element 3\n")) << text;
}

TEST_P(StderrOfProcesses, has_the_causes_of_an_exception_and_the_types_as_they_are_written) {
  EXPECT_THAT(said_by(lose_an_element_and_say_at_what, 1),
              HasSubstr("\nstd::invalid_argument: cannot load\n"
                        "caused by std::out_of_range: no element 3\n"));
  EXPECT_THAT(said_by([] { throw mp::UsageError("not so"); }, 1),
              HasSubstr("\nroyong::UsageError: not so\n"));
  EXPECT_THAT(said_by([] { throw std::string("text"); }, 1), HasSubstr("\nstd::string\n"));
}

TEST_P(StderrOfProcesses, has_nothing_of_one_that_exits) {
  EXPECT_EQ(said_by([] { std::exit(3); }, 3), "");
}

void log_something() {
  mp::get_logger()->debug("a debug");
  mp::get_logger()->info("an info");
  mp::get_logger()->warn("a warning");
}

TEST_P(StderrOfProcesses, has_what_the_level_of_the_parent_lets_pass) {
  EXPECT_EQ(said_by(log_something), "[WARNING/speaker] a warning\n");
  mp::log_to_stderr(mp::LogLevel::info);
  const std::string text = said_by(log_something);
  EXPECT_THAT(text, HasSubstr("[INFO/speaker] an info\n"));
  EXPECT_THAT(text, HasSubstr("[WARNING/speaker] a warning\n"));
  EXPECT_THAT(text, Not(HasSubstr("a debug")));
  mp::log_to_stderr(mp::LogLevel::debug);
  EXPECT_THAT(said_by(log_something), HasSubstr("[DEBUG/speaker] a debug\n"));
  mp::log_to_stderr(mp::LogLevel::off);
  EXPECT_EQ(said_by(log_something), "");
}

TEST_P(StderrOfProcesses, has_the_level_of_the_first_parent_also_in_the_second_generation) {
  mp::log_to_stderr(mp::LogLevel::error);
  const auto log_in_a_child = [] {
    mp::Process child({.name = "child"}, [] {
      mp::get_logger()->warn("a warning");
      mp::get_logger()->error("an error");
    });
    child.start();
    child.join();
  };
  EXPECT_EQ(said_by(log_in_a_child), "[ERROR/child] an error\n");
}

TEST_P(StderrOfProcesses, has_every_level_of_the_parents_in_a_child) {
  for (const auto level :
       {mp::LogLevel::subdebug, mp::LogLevel::debug, mp::LogLevel::info, mp::LogLevel::subwarning,
        mp::LogLevel::warning, mp::LogLevel::error, mp::LogLevel::critical, mp::LogLevel::off}) {
    mp::log_to_stderr(level);
    said_by([] { std::exit(static_cast<int>(royong::detail::log_level())); },
            static_cast<int>(level));
  }
}

ROYONG_EVERY_START_METHOD(StderrOfProcesses);

}  // namespace
}  // namespace royong_test
