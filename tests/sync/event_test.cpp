// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>  // for std::atomic
#include <chrono>  // for std::chrono_literals
#include <memory>  // for std::make_unique
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::Member;
using royong_test::until_asleep;

TEST(Event, is_clear_at_first_and_set_until_it_is_cleared) {
  const Event event;
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait(0s));
  EXPECT_FALSE(event.wait(-1s));
  EXPECT_FALSE(event.wait(1ms));
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait());
  EXPECT_TRUE(event.wait(0s));
  event.clear();
  event.clear();
  EXPECT_FALSE(event.is_set());
}

TEST(Event, wakes_every_waiter_in_every_process_and_shows_what_was_written_before) {
  const Event event;
  const RawValue<int> message;
  std::vector<std::unique_ptr<Member>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::make_unique<Member>([&] {
      EXPECT_TRUE(event.wait());
      EXPECT_EQ(*message, 42);
    }));
  }
  *message = 42;
  event.set();
  for (auto& waiter : waiters) EXPECT_EQ(waiter->wait(), 0);
}

TEST(Event, a_waiter_sees_a_pulse_that_is_over_before_it_wakes) {
  const Event event;
  std::atomic<pid_t> waiting{0};
  std::thread waiter([&] {
    waiting = ::gettid();
    EXPECT_TRUE(event.wait());
  });
  eventually([&] { return waiting.load() != 0; });
  until_asleep(waiting);
  event.set();
  event.clear();
  waiter.join();
}

TEST(Event, a_wait_without_end_returns_true_however_often_it_is_set_and_cleared_meanwhile) {
  const Event event;
  const auto pulse = [&] {
    for (;;) {
      event.set();
      event.clear();
    }
  };
  const auto wait = [&] {
    for (int i = 0; i < 1'000'000; ++i) ASSERT_TRUE(event.wait());
  };
  Member setter(pulse);
  Member other_setter(pulse);
  Member waiter(wait);
  Member other_waiter(wait);
  EXPECT_EQ(waiter.wait(), 0);
  EXPECT_EQ(other_waiter.wait(), 0);
}

TEST(Event, set_never_waits_for_a_killed_waiter) {
  const Event event;
  for (int round = 0; round < 3; ++round) {
    Member victim([&] { event.wait(); });
    Member other([&] { EXPECT_TRUE(event.wait()); });
    until_asleep(victim.pid());
    until_asleep(other.pid());
    victim.kill();
    victim.reap_without_sweep();
    event.set();
    EXPECT_EQ(other.wait(), 0);
    event.clear();
  }
}

TEST(Event, many_hand_overs_lose_no_wake_up) {
  const Event ping;
  const Event pong;
  constexpr int rounds = 2'000;
  Member other([&] {
    for (int i = 0; i < rounds; ++i) {
      ping.wait();
      ping.clear();
      pong.set();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    ping.set();
    pong.wait();
    pong.clear();
  }
  EXPECT_EQ(other.wait(), 0);
}

}  // namespace
}  // namespace royong
