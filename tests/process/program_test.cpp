// SPDX-License-Identifier: Apache-2.0
// Whole programs: what must hold before init, at the limits of the system, and on a terminal.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

#include "support/matchers.hpp"
#include "support/pty.hpp"
#include "support/subprocess.hpp"

namespace royong_test {
namespace {

std::string program(const char* name) { return std::string(ROYONG_TEST_PROGRAMS) + "/" + name; }

using testing::HasSubstr;
using testing::Not;

TEST(Program, without_init_is_told_to_call_it) {
  const Finished end = run({{program("no_init")}});
  EXPECT_EQ(end.exit_code, 5) << end.error;
  EXPECT_THAT(end.output, HasSubstr("royong::init(argc, argv)"));
}

TEST(Program, that_starts_processes_in_static_initialisers_is_refused_and_is_no_fork_bomb) {
  const Finished end = run({{program("static_start")}});
  EXPECT_EQ(end.exit_code, 5) << end.error;
  EXPECT_EQ(end.output, "refused in the program\nrefused in a worker\nafter init\n");
}

TEST(Program, with_threads_before_init_spawns_and_warns_once) {
  const Finished end = run({{program("threads_before_init")}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "40\n41\n");
  const auto first = end.error.find("static initialisers have started threads");
  EXPECT_NE(first, std::string::npos) << end.error;
  EXPECT_EQ(end.error.find("WARNING", first), std::string::npos) << end.error;
}

class AtTheLimit : public testing::TestWithParam<const char*> {};

TEST_P(AtTheLimit, of_descriptors_nothing_half_started_is_left) {
  Command command{{program("start_many"), GetParam(), "60"}};
  command.limits = {{RLIMIT_NOFILE, 40}};
  const Finished end = run(command);
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_THAT(end.output, HasSubstr("refused: cannot"));
  EXPECT_THAT(end.output, HasSubstr("Too many open files"));
  EXPECT_THAT(end.output, HasSubstr("\nconsistent, again 7\n"));
}

INSTANTIATE_TEST_SUITE_P(Methods, AtTheLimit, testing::Values("fork", "spawn", "forkserver"));

TEST(Terminal, ctrl_c_ends_the_program_and_its_workers) {
  Pty terminal({{program("interrupted")}});
  // In either order.
  terminal.read_until("ready");
  terminal.read_until("ready");
  terminal.type(Pty::ctrl_c);
  EXPECT_EQ(terminal.wait(), -SIGINT);
}

TEST(Terminal, the_first_ctrl_c_is_the_programs_and_the_second_kills_the_workers) {
  Pty terminal({{program("interrupted"), "patient"}});
  // In either order.
  terminal.read_until("ready");
  terminal.read_until("ready");
  terminal.type(Pty::ctrl_c);
  terminal.read_until("goes on");
  terminal.read_until("goes on");
  terminal.type(Pty::ctrl_c);
  terminal.read_until("ended -2 -2");
  EXPECT_EQ(terminal.wait(), 0);
}

}  // namespace
}  // namespace royong_test
