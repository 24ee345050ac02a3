// SPDX-License-Identifier: Apache-2.0
// The harness fails when it should: each disabled test leaves something, and is run as a program of its own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>  // for std::getenv, std::atexit
#include <fstream>  // for std::ofstream
#include <string>   // for std::string

#include "support/leak_check.hpp"
#include "support/subprocess.hpp"
#include "support/temp_dir.hpp"

namespace {

using royong_test::Finished;
using royong_test::run_this_program;
using testing::HasSubstr;

// With little patience, for most of these leaks never go.
Finished run_leak(const std::string& name) {
  return run_this_program(
      {.arguments = {"--gtest_filter=Leaves.DISABLED_" + name, "--gtest_also_run_disabled_tests"},
       .environment = {{"ROYONG_TEST_GRACE", "0.3"}}});
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

TEST(Leaves, DISABLED_nothing) {}
TEST(LeakCheck, is_silent_when_nothing_is_left) {
  const Finished finished = run_leak("nothing");
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_EQ(finished.error, "");
}

TEST(Leaves, DISABLED_descriptor) { ASSERT_GE(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0); }
TEST(LeakCheck, names_an_open_descriptor) {
  const Finished finished = run_leak("descriptor");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("still open: descriptor "));
  EXPECT_THAT(finished.output, HasSubstr("-> /dev/null"));
}

TEST(Leaves, DISABLED_child) {
  if (::fork() == 0) sleep_for_ever();
}
TEST(LeakCheck, names_a_running_child) {
  const Finished finished = run_leak("child");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("still running: process "));
  EXPECT_THAT(finished.output, HasSubstr("--gtest_filter=Leaves.DISABLED_child"));
}

TEST(Leaves, DISABLED_zombie) {
  if (::fork() == 0) ::_exit(0);
}
TEST(LeakCheck, names_a_child_that_was_not_waited_for) {
  const Finished finished = run_leak("zombie");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("not waited for: process "));
}

// A daemon as daemons are made: nothing connects it with the test.
TEST(Leaves, DISABLED_orphan) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    ::clearenv();
    if (::fork() == 0) ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}
TEST(LeakCheck, names_an_orphan) {
  const Finished finished = run_leak("orphan");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("still running: process "));
  EXPECT_THAT(finished.output, HasSubstr("`sleep 1000`"));
}

// It waits for nobody, and is gone in time: a process that is about to die is no leak.
TEST(Leaves, DISABLED_dying_orphan) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      ::usleep(100'000);
      ::_exit(0);
    }
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}
TEST(LeakCheck, waits_for_what_is_about_to_end) {
  EXPECT_EQ(run_leak("dying_orphan").exit_code, 0);
}

TEST(Leaves, DISABLED_shared_memory) {
  const int fd = ::shm_open("/royong-left-behind", O_CREAT | O_EXCL | O_RDWR, 0600);
  ASSERT_GE(fd, 0);
  ::close(fd);
}
TEST(LeakCheck, names_a_file_in_shared_memory) {
  const Finished finished = run_leak("shared_memory");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("still there: /dev/shm/royong-left-behind"));
  ::shm_unlink("/royong-left-behind");  // Where /dev/shm is everybody's it stays.
}

TEST(LeakCheck, removes_files_from_our_own_folders_only) {
  const royong_test::TempDir own, shared;
  royong_test::LeakCheck check(
      {.family = ::getpid(), .own_folders = {own.path()}, .shared_folders = {shared.path()}});
  ::setenv("ROYONG_TEST_GRACE", "0", 1);
  std::ofstream(own / "mine") << "text";
  std::ofstream(shared / "somebody's") << "text";
  EXPECT_THAT(check.leftovers(),
              testing::UnorderedElementsAre(HasSubstr("mine"), HasSubstr("somebody's")));
  ::unsetenv("ROYONG_TEST_GRACE");
  EXPECT_FALSE(std::filesystem::exists(own / "mine"));
  EXPECT_TRUE(std::filesystem::exists(shared / "somebody's"));
  EXPECT_THAT(check.leftovers(), testing::IsEmpty());
}

TEST(Leaves, DISABLED_temporary_file) {
  std::ofstream(std::string(std::getenv("TMPDIR")) + "/left-behind") << "text";
}
TEST(LeakCheck, names_a_temporary_file) {
  const Finished finished = run_leak("temporary_file");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("/left-behind"));
}

TEST(Leaves, DISABLED_child_at_exit) {
  std::atexit([] {
    if (::fork() == 0) sleep_for_ever();
  });
}
TEST(LeakCheck, names_what_outlives_the_program) {
  const Finished finished = run_leak("child_at_exit");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("[  PASSED  ] 1 test"));
  EXPECT_THAT(finished.error, HasSubstr("left behind after the end of the program: still running"));
}

TEST(Leaves, DISABLED_child_of_a_crash) {
  if (::fork() == 0) sleep_for_ever();
  ::kill(::getpid(), SIGKILL);
}
TEST(LeakCheck, names_what_outlives_a_crash) {
  const Finished finished = run_leak("child_of_a_crash");
  EXPECT_EQ(finished.exit_code, -SIGKILL);
  EXPECT_THAT(finished.error, HasSubstr("left behind after the end of the program: still running"));
}

TEST(Leaves, DISABLED_child_that_returns) {
  const pid_t child = ::fork();
  if (child == 0) return;
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 125);
}
TEST(LeakCheck, ends_a_child_that_returns_from_the_test) {
  const Finished finished = run_leak("child_that_returns");
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_THAT(finished.error, HasSubstr("it must end by _exit"));
}

TEST(Leaves, DISABLED_one_of_two_pipes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[1]);
}
TEST(LeakCheck, allows_nothing_that_the_library_did_not_open) {
  EXPECT_THAT(run_leak("one_of_two_pipes").output, HasSubstr("-> pipe:["));
}

}  // namespace
