// SPDX-License-Identifier: Apache-2.0
#include "os/quiet_thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

namespace royong_test {
namespace {

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

TEST(QuietThread, takes_no_signals_and_leaves_the_starter_its_own) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  bool there = false;
  royong::os::start_quiet_thread([&] {
    there = is_blocked(SIGUSR1) && is_blocked(SIGTERM);
  }).join();
  EXPECT_TRUE(there);
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_TRUE(is_blocked(SIGUSR2));
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace
}  // namespace royong_test
