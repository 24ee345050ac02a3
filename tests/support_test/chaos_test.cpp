// SPDX-License-Identifier: Apache-2.0
#include "support/chaos.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>  // for std::atomic

#include "support/random.hpp"

namespace {

using royong_test::KillStorm;

pid_t start_sleeper() {
  const pid_t pid = ::fork();
  if (pid == 0)
    for (;;) ::pause();
  return pid;
}

TEST(KillStorm, kills_whom_it_is_told_to) {
  std::atomic<pid_t> victim = start_sleeper();
  KillStorm storm([&] { return victim.load(); }, {.longest = std::chrono::microseconds(300)});
  for (int i = 0; i < 20; ++i) {
    int status = 0;
    const pid_t pid = victim;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    victim = i < 19 ? start_sleeper() : 0;
  }
  EXPECT_GE(storm.stop(), 20u);
}

TEST(KillStorm, stops_after_the_kills_it_is_allowed) {
  const pid_t first = start_sleeper(), second = start_sleeper();
  std::atomic<int> turn = 0;
  KillStorm storm([&] { return turn++ == 0 ? first : second; }, {.most_kills = 1});
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);
  EXPECT_EQ(storm.stop(), 1u);
  EXPECT_EQ(::kill(second, 0), 0);
  ::kill(second, SIGKILL);
  ASSERT_EQ(::waitpid(second, nullptr, 0), second);
}

TEST(KillStorm, spares_strangers_and_ourselves) {
  EXPECT_FALSE(royong_test::signal_descendant(::getppid(), SIGKILL));
  EXPECT_FALSE(royong_test::signal_descendant(::getpid(), SIGKILL));
  EXPECT_FALSE(royong_test::signal_descendant(1, SIGKILL));
  EXPECT_FALSE(royong_test::signal_descendant(0, SIGKILL));
  EXPECT_FALSE(royong_test::signal_descendant(-1, SIGKILL));
}

TEST(Random, repeats_itself_and_tells_streams_apart) {
  EXPECT_EQ(royong_test::random_engine()(), royong_test::random_engine()());
  EXPECT_NE(royong_test::random_engine(0)(), royong_test::random_engine(1)());
}

}  // namespace
