// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at a program whose pool is busy: nobody hangs, and nobody is left.
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/process_tree.hpp"
#include "support/pty.hpp"

namespace royong_test {
namespace {

using testing::HasSubstr;

/// A program of which two workers are busy.
class BusyProgram : public Pty {
 public:
  BusyProgram(const char* method, const char* what)
      : Pty({{std::string(ROYONG_TEST_PROGRAMS) + "/interrupted", method, what}}) {
    std::istringstream words(read_until(" are busy"));
    std::string word;
    words >> word;
    for (pid_t worker = 0; words >> worker;) workers_.push_back(worker);
  }
  const std::vector<pid_t>& workers() const { return workers_; }
  void until_workers_are_gone() const {
    for (const pid_t worker : workers_) eventually([&] { return !process_info(worker); });
  }

 private:
  std::vector<pid_t> workers_;
};

class PoolOnATerminal : public testing::TestWithParam<const char*> {};

TEST_P(PoolOnATerminal, ends_with_a_program_that_ctrl_c_ends) {
  BusyProgram program(GetParam(), "dies");
  EXPECT_EQ(program.workers().size(), 2U);
  program.type(Pty::ctrl_c);
  EXPECT_EQ(program.wait(), -SIGINT);
  program.until_workers_are_gone();
}

TEST_P(PoolOnATerminal, ends_with_a_program_whose_group_is_interrupted) {
  BusyProgram program(GetParam(), "dies");
  ::kill(-program.pid(), SIGINT);
  EXPECT_EQ(program.wait(), -SIGINT);
  program.until_workers_are_gone();
}

TEST_P(PoolOnATerminal, can_be_terminated_at_ctrl_c) {
  BusyProgram program(GetParam(), "terminates");
  program.type(Pty::ctrl_c);
  EXPECT_EQ(program.wait(), 7) << program.output();
  EXPECT_THAT(program.output(), HasSubstr("ended: cancelled, cancelled\r\n"));
  program.until_workers_are_gone();
}

TEST_P(PoolOnATerminal, may_finish_what_it_was_doing_at_ctrl_c) {
  BusyProgram program(GetParam(), "finishes");
  program.type(Pty::ctrl_c);
  EXPECT_EQ(program.wait(), 7) << program.output();
  EXPECT_THAT(program.output(), HasSubstr("ended: 1, 2\r\nthen 9\r\n"));
  program.until_workers_are_gone();
}

TEST_P(PoolOnATerminal, loses_its_workers_at_the_second_ctrl_c_and_goes_on_with_new_ones) {
  BusyProgram program(GetParam(), "waits");
  program.type(Pty::ctrl_c);
  program.read_until("goes on");
  program.read_until("goes on");
  program.type(Pty::ctrl_c);
  EXPECT_EQ(program.wait(), 7) << program.output();
  EXPECT_THAT(program.output(), HasSubstr("ended: died of -2, died of -2\r\nthen 9\r\n"));
  program.until_workers_are_gone();
}

INSTANTIATE_TEST_SUITE_P(Methods, PoolOnATerminal, testing::Values("fork", "spawn", "forkserver"));

}  // namespace
}  // namespace royong_test
