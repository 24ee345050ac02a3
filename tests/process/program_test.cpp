// SPDX-License-Identifier: Apache-2.0
// Whole programs: what must hold before init, at the limits of the system, and on a terminal.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "support/matchers.hpp"
#include "support/pty.hpp"
#include "support/subprocess.hpp"
#include "support/temp_dir.hpp"

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

TEST(Program, fixes_the_start_method_by_a_start_and_not_by_a_question) {
  EXPECT_EQ(run({{program("start_method_use")}}).output, "forkserver, then set\n");
  EXPECT_EQ(run({{program("start_method_use"), "start"}}).output, "forkserver, then fixed\n");
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

TEST_P(AtTheLimit, of_descriptors_wherever_it_lies_there_is_work_or_a_clear_error) {
  for (rlim_t limit = 4; limit <= 24; ++limit) {
    Command command{{program("start_many"), GetParam(), "4"}};
    command.limits = {{RLIMIT_NOFILE, limit}};
    const Finished end = run(command);
    // 3: init was refused, or not even one process could be started once there was room.
    EXPECT_THAT(end.exit_code, testing::AnyOf(0, 3, 127)) << limit << "\n"
                                                          << end.output << end.error;
    const char* const said = end.exit_code == 0   ? "\nconsistent, again 7\n"
                             : end.exit_code == 3 ? "refused: cannot"
                                                  : "";  // not even the loader could open its files
    EXPECT_THAT(end.output, HasSubstr(said)) << limit << "\n" << end.error;
  }
}

TEST_P(AtTheLimit, of_processes_nothing_half_started_is_left) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a user of its own";
  Command command{{program("start_many"), GetParam(), "40", "nobody"}};
  command.limits = {{RLIMIT_NPROC, 12}};
  const Finished end = run(command);
  EXPECT_EQ(end.exit_code, 0) << end.output << end.error;
  EXPECT_THAT(end.output, HasSubstr("refused: cannot"));
  EXPECT_THAT(end.output, HasSubstr("temporarily unavailable"));
  EXPECT_THAT(end.output, HasSubstr("\nconsistent, again 7\n"));
}

TEST_P(AtTheLimit, of_the_arena_nothing_half_started_is_left) {
  Command command{{program("start_many"), GetParam(), "60", "large"}};
  command.environment = {{"ROYONG_ARENA_QUOTA", "2M"}};
  const Finished end = run(command);
  EXPECT_EQ(end.exit_code, 0) << end.output << end.error;
  EXPECT_THAT(end.output, HasSubstr("refused: "));
  EXPECT_THAT(end.output, HasSubstr("\nconsistent, again 7\n"));
}

INSTANTIATE_TEST_SUITE_P(Methods, AtTheLimit, testing::Values("fork", "spawn", "forkserver"));

struct Refusal {
  const char* method;
  std::vector<std::string> calls;
  const char* warning;  ///< that comes once; empty: none comes
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.method;
  for (const auto& call : refusal.calls) *out << " without " << call;
}

class Container : public testing::TestWithParam<Refusal> {};

TEST_P(Container, that_refuses_system_calls_still_runs_processes) {
  Command command{{program("refused"), GetParam().method}};
  for (const auto& call : GetParam().calls) command.arguments.push_back(call);
  const Finished end = run(command);
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "exit 7\nsentinel 1\nkilled -9, other lives 1\nother -15\nnested 5\nseen\n")
      << end.error;
  const std::string warning = GetParam().warning;
  if (warning.empty()) {
    EXPECT_EQ(end.error, "");
    return;
  }
  EXPECT_THAT(end.error, HasSubstr(warning));
  EXPECT_EQ(end.error.find(warning), end.error.rfind(warning)) << end.error;
}

constexpr auto sockets_instead = "pidfd_open is not available here";
constexpr auto spawn_instead = "the forkserver cannot be used here";

INSTANTIATE_TEST_SUITE_P(
    Refusing, Container,
    testing::Values(Refusal{"fork", {"pidfd_open"}, sockets_instead},
                    Refusal{"spawn", {"pidfd_open"}, sockets_instead},
                    Refusal{"forkserver", {"pidfd_open"}, spawn_instead},
                    Refusal{"spawn", {"pidfd_open_eperm"}, sockets_instead},
                    Refusal{"fork", {"pidfd_send_signal"}, ""},
                    Refusal{"forkserver", {"pidfd_send_signal"}, ""},
                    Refusal{"spawn", {"pidfd_open", "pidfd_send_signal"}, sockets_instead},
                    Refusal{"forkserver", {"clone_parent"}, spawn_instead},
                    Refusal{"forkserver", {"tid_address"}, spawn_instead},
                    Refusal{"forkserver", {"clone3"}, ""}, Refusal{"spawn", {"close_range"}, ""},
                    Refusal{"forkserver", {"close_range"}, ""},
                    Refusal{"forkserver", {"landlock"}, ""}));

class Reaped : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

/// What the program prints of a process whose status was taken away.
std::string told(bool kernel_remembers, int code) {
  return kernel_remembers ? std::to_string(code) : "unknown";
}

TEST_P(Reaped, by_others_children_end_and_the_kernel_is_asked_how) {
  const auto& [method, how] = GetParam();
  const Finished end = run({{program("reaped"), method, how}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  const bool remembers = end.output.starts_with("kernel remembers\n");
  // A worker that ignores SIGCHLD because its parent did loses its child's status too.
  EXPECT_EQ(end.output.substr(end.output.find('\n') + 1),
            "ended " + told(remembers, 7) + "\nkilled " + told(remembers, -9) +
                "\nother lives 1\nterminated " + told(remembers, -15) + "\nnested " +
                told(remembers, 5) + "\nseen\n")
      << end.error;
  EXPECT_EQ(end.error, "");
}

INSTANTIATE_TEST_SUITE_P(Methods, Reaped,
                         testing::Combine(testing::Values("fork", "spawn", "forkserver"),
                                          testing::Values("ignore", "wait")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" +
                                  std::get<1>(test.param);
                         });

class ExitFromAnotherThread : public testing::TestWithParam<const char*> {};

TEST_P(ExitFromAnotherThread, ends_the_program_in_order_with_that_code) {
  for (const char* where : {"joining", "starting"}) {
    const Finished end = run({{program("exit_from_thread"), GetParam(), where}});
    EXPECT_EQ(end.exit_code, 7) << where << "\n" << end.error;
    // What is no daemon is waited for; what is one is not.
    EXPECT_EQ(end.output, "worker done\n") << where << "\n" << end.error;
    EXPECT_EQ(end.error, "") << where;
  }
}

TEST_P(ExitFromAnotherThread, of_a_process_ends_it_with_that_code) {
  const Finished end = run({{program("exit_from_thread"), GetParam(), "worker"}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "worker ended with 9\n") << end.error;
  EXPECT_EQ(end.error, "");
}

INSTANTIATE_TEST_SUITE_P(Methods, ExitFromAnotherThread,
                         testing::Values("fork", "spawn", "forkserver"));

class TypedMarker : public testing::TestWithParam<const char*> {};

TEST_P(TypedMarker, ends_with_a_clear_error) {
  const Finished end = run({{program("start_many"), GetParam(), "spawn", "1"}});
  EXPECT_EQ(end.exit_code, 1) << end.error;
  EXPECT_THAT(end.error, HasSubstr("royong: cannot start a worker: "));
  EXPECT_EQ(end.output, "");
}

INSTANTIATE_TEST_SUITE_P(Hostile, TypedMarker,
                         testing::Values("--royong-worker=", "--royong-worker=nonsense",
                                         "--royong-worker=900,901,-1,65537,0",
                                         "--royong-worker=0,1,-1,65537,0",
                                         "--royong-worker=0,0,0,18446744073709551615,0",
                                         "--royong-forkserver=0,0,0,0,0",
                                         "--royong-forkserver=900,900,900,0,99999999"));

TEST(Program, whose_argument_only_resembles_a_marker_runs) {
  const Finished end = run({{program("start_many"), "--royong-work", "1"}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
}

class UnderValgrind : public testing::TestWithParam<const char*> {};

TEST_P(UnderValgrind, processes_start_and_end_and_no_error_is_found) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  GTEST_SKIP() << "valgrind cannot run sanitizers";
#endif
  const Finished end =
      run({{"valgrind", "-q", "--error-exitcode=9", program("start_many"), GetParam(), "1"}});
  if (end.exit_code == 127) GTEST_SKIP() << "needs valgrind";
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_EQ(end.output, "all started\nconsistent, again 7\n") << end.error;
}

INSTANTIATE_TEST_SUITE_P(Methods, UnderValgrind, testing::Values("fork", "spawn", "forkserver"));

class ChangedUser : public testing::TestWithParam<const char*> {};

TEST_P(ChangedUser, starts_processes_that_have_no_more_rights_than_it) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const char* when : {"cold", "warm", "spares"}) {
    const Finished end = run({{program("changed_user"), GetParam(), when}});
    EXPECT_EQ(end.exit_code, 0) << when << "\n" << end.error;
    EXPECT_EQ(end.output, "65534 65534\n") << when << "\n" << end.error;
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, ChangedUser, testing::Values("fork", "spawn", "forkserver"));

TEST(Program, whose_file_was_removed_still_spawns) {
  const TempDir folder;
  const auto copy = folder / "program";
  std::filesystem::copy_file(program("start_many"), copy);
  const Finished end =
      run({{"/bin/sh", "-c", "'" + copy.string() + "' spawn 1 removed '" + copy.string() + "'"}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_THAT(end.output, HasSubstr("again 7"));
}

TEST(Program, run_by_the_dynamic_loader_spawns) {
  const Finished end = run({{"/lib64/ld-linux-x86-64.so.2", program("start_many"), "spawn", "1"}});
  if (end.exit_code == 127) GTEST_SKIP() << "another loader";
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_THAT(end.output, HasSubstr("again 7"));
}

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
