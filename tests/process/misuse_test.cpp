// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

TEST(Misuse, a_process_is_started_once) {
  mp::Process process([] {});
  process.start();
  EXPECT_THROW_MESSAGE(process.start(), mp::UsageError, "twice");
  process.join();
  EXPECT_THROW_MESSAGE(process.start(), mp::UsageError, "twice");
}

TEST(Misuse, what_needs_a_started_process_says_so) {
  mp::Process process([] {});
  EXPECT_THROW_MESSAGE(process.join(), mp::UsageError, "join a process that was not started");
  EXPECT_THROW_MESSAGE(process.terminate(), mp::UsageError, "not started");
  EXPECT_THROW_MESSAGE(process.kill(), mp::UsageError, "not started");
  EXPECT_THROW_MESSAGE(process.interrupt(), mp::UsageError, "not started");
  EXPECT_THROW_MESSAGE(process.sentinel(), mp::UsageError, "not started");
}

TEST(Misuse, a_running_process_cannot_be_closed) {
  mp::Process process(wait_for_ever);
  process.start();
  EXPECT_THROW_MESSAGE(process.close(), mp::UsageError, "still runs");
  process.kill();
  process.join();
  process.close();
}

TEST(Misuse, a_closed_process_refuses_everything_but_its_name) {
  mp::Process process({.name = "gone"}, [] {});
  process.close();
  process.close();
  EXPECT_EQ(process.name(), "gone");
  EXPECT_THROW_MESSAGE(process.start(), mp::UsageError, "closed");
  EXPECT_THROW_MESSAGE(process.join(), mp::UsageError, "closed");
  EXPECT_THROW_MESSAGE((void)process.is_alive(), mp::UsageError, "closed");
  EXPECT_THROW_MESSAGE((void)process.exitcode(), mp::UsageError, "closed");
  EXPECT_THROW_MESSAGE((void)process.pid(), mp::UsageError, "closed");
  EXPECT_THROW_MESSAGE(process.kill(), mp::UsageError, "closed");
}

TEST(Misuse, name_and_daemon_are_fixed_by_the_start) {
  mp::Process process([] {});
  process.set_name("early");
  process.set_daemon(true);
  EXPECT_EQ(process.name(), "early");
  EXPECT_TRUE(process.daemon());
  process.start();
  EXPECT_THROW_MESSAGE(process.set_name("late"), mp::UsageError, "after its start");
  EXPECT_THROW_MESSAGE(process.set_daemon(false), mp::UsageError, "after its start");
}

TEST(Misuse, a_process_cannot_join_itself) {
  EXPECT_THROW_MESSAGE(mp::current_process().join(), mp::UsageError, "itself");
}

TEST(Misuse, a_fork_of_the_users_own_is_not_a_member) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      mp::Process process([] {});
      process.start();
    } catch (const mp::UsageError& error) {
      ::_exit(std::string(error.what()).find("fork()") != std::string::npos ? 0 : 2);
    } catch (...) {
      ::_exit(3);
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Misuse, a_process_object_is_refused_in_a_fork) {
  mp::Process process(wait_for_ever);
  process.start();
  auto child = mp::fork_context().process([&] {
    try {
      process.kill();
    } catch (const mp::UsageError&) {
      std::exit(4);
    }
  });
  child.start();
  child.join();
  EXPECT_EQ(child.exitcode(), 4);
  EXPECT_TRUE(process.is_alive());
  process.kill();
}

TEST(Misuse, impossible_limits_are_refused_by_the_parent) {
  const auto start_with = [](mp::ResourceLimits limits) {
    mp::Process process({.limits = std::move(limits)}, [] {});
    process.start();
  };
  EXPECT_THROW_MESSAGE(start_with({.cpu = -1}), mp::UsageError, "cpu");
  EXPECT_THROW_MESSAGE(start_with({.affinity = {-2}}), mp::UsageError, "affinity");
  EXPECT_THROW_MESSAGE(start_with({.oom_score_adj = 2000}), mp::UsageError, "oom_score_adj");
}

}  // namespace
}  // namespace royong_test
