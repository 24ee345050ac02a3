// SPDX-License-Identifier: Apache-2.0
#include "os/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>   // for std::array
#include <cstdio>  // for std::sscanf
#include <vector>  // for std::vector

#include "mock.hpp"
#include "os/poll.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

template <class Body>
pid_t fork_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

void pause_for_ever() {
  for (;;) ::pause();
}

std::optional<int> exit_code(int pidfd, pid_t pid) {
  const auto status = wait_child(pidfd, pid, Wait::block);
  EXPECT_TRUE(status);
  return status ? status->exitcode : std::nullopt;
}

TEST(WaitTest, TellsTheExitCode) {
  const pid_t pid = fork_child([] { ::_exit(42); });
  const Fd pidfd = pidfd_open(pid);
  EXPECT_EQ(exit_code(pidfd.get(), pid), 42);
}

TEST(WaitTest, TellsASignalAsANegativeNumber) {
  const pid_t pid = fork_child(pause_for_ever);
  const Fd pidfd = pidfd_open(pid);
  EXPECT_FALSE(wait_child(pidfd.get(), pid, Wait::poll));
  EXPECT_TRUE(send_signal(pidfd.get(), pid, SIGKILL));
  EXPECT_EQ(exit_code(pidfd.get(), pid), -SIGKILL);
  EXPECT_FALSE(send_signal(pidfd.get(), pid, SIGKILL)) << "it is gone";
}

TEST(WaitTest, WorksWithoutPidfds) {
  const Mock send(&Syscalls::pidfd_send_signal, +[](int, int) { return fail(ENOSYS); });
  static int calls;
  calls = 0;
  const Mock wait(
      &Syscalls::waitid, +[](int type, id_t id, siginfo_t* out, int options) {
        if (++calls == 1) return fail(EINTR);
        if (type == 3) return fail(EINVAL);  // P_PIDFD
        return ::waitid(static_cast<idtype_t>(type), id, out, options);
      });
  const pid_t pid = fork_child(pause_for_ever);
  const Fd pidfd = pidfd_open(pid);
  EXPECT_FALSE(wait_child(pidfd.get(), pid, Wait::poll));
  EXPECT_TRUE(send_signal(pidfd.get(), pid, SIGTERM));
  EXPECT_EQ(exit_code(pidfd.get(), pid), -SIGTERM);

  const pid_t other = fork_child(pause_for_ever);
  EXPECT_TRUE(send_signal(-1, other, SIGKILL));
  EXPECT_EQ(exit_code(-1, other), -SIGKILL);
}

TEST(WaitTest, SaysThatPidfdsAreMissing) {
  const Mock mock(&Syscalls::pidfd_open, +[](pid_t, unsigned) { return fail(ENOSYS); });
  EXPECT_EQ(error_of([] { pidfd_open(1); }),
            "cannot open a descriptor of process 1: Function not implemented");
}

TEST(WaitTest, SurvivesAReaperOfAllChildren) {
  const pid_t pid = fork_child(pause_for_ever);
  const Fd pidfd = pidfd_open(pid);
  const Mock mock(&Syscalls::waitid, +[](int, id_t, siginfo_t*, int) { return fail(ECHILD); });
  EXPECT_FALSE(wait_child(pidfd.get(), pid, Wait::poll)) << "it still runs";
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);  // the user's own
  const auto status = wait_child(pidfd.get(), pid, Wait::block);
  ASSERT_TRUE(status);
  // Since Linux 6.15 the kernel still knows.
  if (status->exitcode) {
    EXPECT_EQ(*status->exitcode, -SIGKILL);
  }
}

TEST(WaitTest, DoesNotInventAnExitCodeThatTheKernelForgot) {
  const Mock forget(&Syscalls::ioctl, +[](int, unsigned long, void*) { return fail(ENOTTY); });
  const Mock mock(&Syscalls::waitid, +[](int, id_t, siginfo_t*, int) { return fail(ECHILD); });
  const pid_t pid = fork_child([] { ::_exit(3); });
  const Fd pidfd = pidfd_open(pid);
  ::waitpid(pid, nullptr, 0);
  const auto status = wait_child(pidfd.get(), pid, Wait::poll);
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->exitcode);
}

struct Pipe {
  Fd reader, writer;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
      reader.reset(ends[0]);
      writer.reset(ends[1]);
    }
  }
  std::string read_all() {
    writer.reset();
    std::string text;
    std::array<char, 512> part;
    for (ssize_t got; (got = ::read(reader.get(), part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
};

void run_script(const std::string& script, int writer) {
  const std::vector<std::string> argv{"sh", "-c", script};
  const std::array keep{writer};
  const pid_t pid = spawn("/bin/sh", argv, keep);
  EXPECT_EQ(exit_code(-1, pid), 0);
}

TEST(SpawnTest, GivesAVariableToTheProgramAndNotToThisProcess) {
  Pipe pipe;
  const std::string to = std::to_string(pipe.writer.get());
  const std::vector<std::string> argv{"sh", "-c",
                                      "echo $ROYONG_TEST_VARIABLE > /proc/self/fd/" + to};
  const std::array keep{pipe.writer.get()};
  const pid_t pid = spawn("/bin/sh", argv, keep, "ROYONG_TEST_VARIABLE=seven");
  EXPECT_EQ(exit_code(-1, pid), 0);
  EXPECT_EQ(pipe.read_all(), "seven\n");
  EXPECT_EQ(::getenv("ROYONG_TEST_VARIABLE"), nullptr);
}

TEST(SpawnTest, KeepsTheNamedDescriptorsAndNoOther) {
  Pipe pipe;
  const int inherited = ::fcntl(0, F_DUPFD, 300);  // not close-on-exec
  const int above = ::fcntl(0, F_DUPFD, pipe.writer.get() + 1);
  const std::string to = std::to_string(pipe.writer.get());
  run_script("for fd in /proc/$$/fd/*; do echo ${fd##*/}; done > /proc/self/fd/" + to,
             pipe.writer.get());
  ::close(inherited);
  ::close(above);
  EXPECT_TRUE(::fcntl(pipe.writer.get(), F_GETFD) == FD_CLOEXEC) << "changed in this process";
  // The shell's own duplicate of its standard output while it is redirected may show.
  const std::string listed = pipe.read_all();
  EXPECT_NE(listed.find(to + "\n"), std::string::npos);
  EXPECT_EQ(listed.find("300"), std::string::npos) << listed;
  EXPECT_EQ(listed.find("\n" + std::to_string(above) + "\n"), std::string::npos) << listed;
}

TEST(SpawnTest, StartsWithDefaultSignals) {
  Pipe pipe;
  sigset_t all, before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const auto old = ::signal(SIGUSR1, SIG_IGN);
  const std::string to = std::to_string(pipe.writer.get());
  run_script("grep -E 'SigBlk|SigIgn' /proc/self/status > /proc/self/fd/" + to, pipe.writer.get());
  ::signal(SIGUSR1, old);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  unsigned long blocked = 1, ignored = 1;
  std::sscanf(pipe.read_all().c_str(), "SigBlk: %lx SigIgn: %lx", &blocked, &ignored);
  EXPECT_EQ(blocked, 0U);
  EXPECT_EQ(ignored & ~0x180000000UL, 0U) << "beside the C library's own 32 and 33";
}

TEST(SpawnTest, ThrowsForAProgramThatIsNotThereAndLeavesNoChild) {
  const std::vector<std::string> argv{"nothing"};
  EXPECT_EQ(error_of([&] { spawn("/no/such/program", argv, {}); }),
            "cannot start /no/such/program: No such file or directory");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(SpawnTest, SaysThatProcessesRanOut) {
  const Mock mock(
      &Syscalls::posix_spawn,
      +[](pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
          char* const*, char* const*) { return EAGAIN; });
  const std::vector<std::string> argv{"true"};
  EXPECT_EQ(error_of([&] { spawn("/bin/true", argv, {}); }),
            "cannot start /bin/true: Resource temporarily unavailable");
}

}  // namespace
}  // namespace royong::os
