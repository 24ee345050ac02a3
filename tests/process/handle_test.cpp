// SPDX-License-Identifier: Apache-2.0
// Process as an object: moved, assigned, kept in containers, destroyed.
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

class Handle : public EveryStartMethod {};

TEST(MovedFrom, process_refuses_everything_but_its_name) {
  mp::Process process({.name = "gone"}, [] {});
  const mp::Process other = std::move(process);
  EXPECT_EQ(process.name(), "");
  EXPECT_THROW_MESSAGE(process.start(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.join(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE((void)process.is_alive(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE((void)process.exitcode(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE((void)process.pid(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE((void)process.daemon(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE((void)process.sentinel(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.set_name("x"), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.set_daemon(true), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.interrupt(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.terminate(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.kill(), mp::UsageError, "moved from");
  EXPECT_THROW_MESSAGE(process.close(), mp::UsageError, "moved from");
}

TEST(MovedFrom, process_may_be_assigned_again) {
  mp::Process process([] {});
  mp::Process other = std::move(process);
  process = std::move(other);
  process.start();
  EXPECT_TRUE(process.join());
}

TEST_P(Handle, that_is_overwritten_joins_what_it_ran) {
  auto process =
      context().process([](const std::string& p) { write_text(p, "done"); }, file("out"));
  process.start();
  auto next = context().process([] {});
  process = std::move(next);
  EXPECT_EQ(read_text(file("out")), "done");
  EXPECT_FALSE(process.pid());
}

TEST_P(Handle, that_is_overwritten_ends_a_daemon) {
  auto process = context().process({.daemon = true}, wait_for_ever);
  process.start();
  auto next = context().process([] {});
  process = std::move(next);
  EXPECT_TRUE(mp::active_children().empty());
}

TEST_P(Handle, that_is_assigned_to_itself_stays_what_it_is) {
  auto process = context().process(wait_for_ever);
  process.start();
  auto& same = process;
  process = std::move(same);
  EXPECT_TRUE(process.is_alive());
  process.kill();
}

TEST_P(Handle, lives_in_a_vector_that_grows_and_shrinks) {
  std::vector<mp::Process> processes;
  for (int i = 0; i < 5; ++i) {
    processes.push_back(context().process([](int n) { std::exit(n); }, i));
    processes.back().start();
  }
  processes.erase(processes.begin());
  for (auto& process : processes) process.join();
  EXPECT_EQ(processes.front().exitcode(), 1);
  EXPECT_EQ(processes.back().exitcode(), 4);
}

TEST_P(Handle, that_is_closed_has_no_sentinel) {
  auto process = context().process([] {});
  process.start();
  process.join();
  EXPECT_GE(process.sentinel(), 0);
  process.close();
  EXPECT_THROW_MESSAGE((void)process.sentinel(), mp::UsageError, "closed");
}

TEST_P(Handle, signals_nobody_after_the_end) {
  auto process = context().process([] {});
  process.start();
  process.join();
  process.interrupt();
  process.terminate();
  process.kill();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(Handle, interrupts_with_sigint) {
  auto process = context().process(wait_for_ever);
  process.start();
  process.interrupt();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGINT);
}

TEST_P(Handle, ends_a_daemon_that_is_stopped) {
  auto process = context().process({.daemon = true}, wait_for_ever);
  process.start();
  ::kill(process.pid().value(), SIGSTOP);
}

TEST_P(Handle, of_a_view_and_of_a_process_name_one_process) {
  auto process = context().process({.name = "seen"}, wait_for_ever);
  process.start();
  const auto view = mp::active_children().at(0);
  process.kill();
  process.join();
  process.close();
  EXPECT_EQ(view.name(), "seen");
  EXPECT_FALSE(view.is_alive());
  EXPECT_TRUE(view.join());
  view.kill();
  pollfd end{view.sentinel(), POLLIN, 0};
  EXPECT_EQ(::poll(&end, 1, 0), 1);
}

TEST_P(Handle, of_a_daemons_child_is_a_daemon_unless_told_otherwise) {
  const auto tell = [] {
    const mp::Process inherits([] {});
    const mp::Process told({.daemon = false}, [] {});
    std::exit(inherits.daemon() && !told.daemon() ? 7 : 8);
  };
  auto process = context().process({.daemon = true}, tell);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_P(Handle, of_the_second_child_of_the_second_child_is_named_so) {
  const auto tell = [] {
    const mp::Process first([] {});
    const mp::Process second([] {});
    std::exit(second.name() == mp::current_process().name() + ":2" ? 7 : 8);
  };
  auto process = context().process(tell);
  EXPECT_TRUE(process.name().starts_with("Process-"));
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_P(Handle, of_a_process_works_where_its_parent_does) {
  TempDir elsewhere;
  const auto before = std::filesystem::current_path();
  auto warm_up = context().process([] {});  // the forkserver runs, and stands where it was started
  warm_up.start();
  warm_up.join();
  std::filesystem::current_path(elsewhere.path());
  auto process = context().process([] { write_text("here", "here"); });
  process.start();
  process.join();
  std::filesystem::current_path(before);
  EXPECT_EQ(read_text((elsewhere / "here").string()), "here");
}

ROYONG_EVERY_START_METHOD(Handle);

}  // namespace
}  // namespace royong_test
