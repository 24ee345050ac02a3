// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>  // for std::array
#include <new>    // for placement new

#include "mock.hpp"
#include "os/futex.hpp"
#include "os/poll.hpp"

namespace royong::os {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

TEST(FutexTest, DoesNotSleepOnAChangedWord) {
  std::atomic<std::uint32_t> word{1};
  EXPECT_EQ(futex_wait(word, 0, Deadline::max()), FutexWait::changed);
}

TEST(FutexTest, ReturnsAtTheDeadline) {
  std::atomic<std::uint32_t> word{0};
  const auto start = Clock::now();
  EXPECT_EQ(futex_wait(word, 0, start + 5ms), FutexWait::timed_out);
  EXPECT_GE(Clock::now() - start, 5ms);
  EXPECT_EQ(futex_wait(word, 0, Deadline::min()), FutexWait::timed_out);
}

TEST(FutexTest, WakesAnotherProcess) {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& word = *new (page) std::atomic<std::uint32_t>(0);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(futex_wait(word, 0, Clock::now() + 20s) == FutexWait::woken ? 0 : 1);
  while (futex_wake(word, 1) == 0) ::usleep(1000);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  ::munmap(page, 4096);
}

TEST(FutexTest, LeavesSignalsToTheCaller) {
  const Mock mock(
      &Syscalls::futex, +[](std::uint32_t*, int, std::uint32_t, const timespec*, std::uint32_t) {
        return fail<long>(EINTR);
      });
  std::atomic<std::uint32_t> word{0};
  EXPECT_EQ(futex_wait(word, 0, Deadline::max()), FutexWait::interrupted);
}

TEST(FutexTest, ThrowsWhatItDoesNotUnderstand) {
  const Mock mock(
      &Syscalls::futex, +[](std::uint32_t*, int, std::uint32_t, const timespec*, std::uint32_t) {
        return fail<long>(ENOSYS);
      });
  std::atomic<std::uint32_t> word{0};
  EXPECT_EQ(error_of([&] { futex_wait(word, 0, Deadline::max()); }),
            "cannot wait on a futex: Function not implemented");
}

TEST(PollTest, ResumesAfterASignalWithTheTimeThatIsLeft) {
  static int calls;
  calls = 0;
  static timespec last;
  const Mock mock(
      &Syscalls::ppoll, +[](pollfd*, nfds_t, const timespec* time, const sigset_t*) {
        last = *time;
        if (++calls == 3) return 0;
        ::usleep(2000);
        return fail(EINTR);
      });
  EXPECT_EQ(poll({}, Clock::now() + 10s), 0);
  EXPECT_EQ(calls, 3);
  EXPECT_LE(last.tv_sec * 1'000'000'000 + last.tv_nsec, 9'996'000'000);
}

TEST(PollTest, OnlyLooksWhenTheDeadlineIsPast) {
  const EventFd event;
  pollfd entry{event.fd(), POLLIN, 0};
  EXPECT_EQ(poll({&entry, 1}, Deadline::min()), 0);
}

TEST(EventFdTest, IsReadableFromSignalToDrain) {
  EventFd event;
  EXPECT_FALSE(event.drain());
  event.signal();
  event.signal();
  pollfd entry{event.fd(), POLLIN, 0};
  EXPECT_EQ(poll({&entry, 1}, Deadline::max()), 1);
  EXPECT_TRUE(event.drain());
  EXPECT_FALSE(event.drain());
}

TEST(EpollTest, TellsTheKeyOfWhatIsReadyUntilItIsRemoved) {
  Epoll epoll;
  EventFd one, two;
  epoll.add(one.fd(), EPOLLIN, 0x100000001);
  epoll.add(two.fd(), EPOLLIN, 2);
  std::array<epoll_event, 4> events;
  EXPECT_TRUE(epoll.wait(events, Deadline::min()).empty());
  one.signal();
  const auto ready = epoll.wait(events, Deadline::max());
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].data.u64, 0x100000001U);
  epoll.modify(one.fd(), EPOLLIN, 7);
  EXPECT_EQ(epoll.wait(events, Deadline::max())[0].data.u64, 7U);
  epoll.remove(one.fd());
  const auto start = Clock::now();
  EXPECT_TRUE(epoll.wait(events, start + 3ms).empty());
  EXPECT_GE(Clock::now() - start, 3ms);
  EXPECT_NE(error_of([&] { epoll.remove(one.fd()); }).find("cannot stop watching descriptor"),
            std::string::npos);
}

TEST(EpollTest, ResumesAfterASignal) {
  static int calls;
  calls = 0;
  const Mock mock(
      &Syscalls::epoll_wait,
      +[](int, epoll_event*, int, int) { return ++calls == 1 ? fail(EINTR) : 0; });
  Epoll epoll;
  std::array<epoll_event, 1> events;
  EXPECT_TRUE(epoll.wait(events, Deadline::max()).empty());
  EXPECT_EQ(calls, 2);
}

TEST(EpollTest, SaysThatDescriptorsRanOut) {
  const Mock mock(&Syscalls::epoll_create1, +[](int) { return fail(EMFILE); });
  EXPECT_EQ(error_of([] { Epoll epoll; }), "cannot create an epoll instance: Too many open files");
}

}  // namespace
}  // namespace royong::os
