// SPDX-License-Identifier: Apache-2.0
#include "sync/eventcount.hpp"

#include <gtest/gtest.h>

#include <memory>  // for std::make_unique
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "royong/shared.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::Member;
using royong_test::until_asleep;
using sync::EventCount;

constexpr auto forever_point = Timeout::Clock::time_point::max();

/// In shared memory: an event count and what is waited for.
struct Shared {
  Shared() : raw(2) {}
  EventCount& events() const { return reinterpret_cast<EventCount&>(raw[0]); }
  std::atomic<std::uint32_t>& state() const {
    return reinterpret_cast<std::atomic<std::uint32_t>&>(raw[1]);
  }
  void wait_for(std::uint32_t value) const {
    while (state().load() < value) {
      const auto key = events().prepare();
      if (state().load() >= value) break;
      events().wait(key, forever_point);
    }
  }
  RawArray<std::uint32_t> raw;
};

TEST(EventCount, a_wait_past_its_deadline_returns_false_at_once) {
  EventCount events{};
  const auto key = events.prepare();
  EXPECT_FALSE(events.wait(key, Timeout::Clock::now()));
  EXPECT_FALSE(events.wait(key, Timeout::Clock::time_point::min()));
}

TEST(EventCount, a_notification_between_prepare_and_wait_keeps_the_waiter_awake) {
  EventCount events{};
  const auto key = events.prepare();
  events.notify_one();
  EXPECT_NE(events.word.load(), key);
  EXPECT_TRUE(events.wait(key, forever_point));
}

TEST(EventCount, a_sleep_is_never_longer_than_a_slice) {
  EventCount events{};
  const auto before = Timeout::Clock::now();
  EXPECT_TRUE(events.wait(events.prepare(), forever_point))
      << "nobody notifies, and yet it returns";
  EXPECT_GE(Timeout::Clock::now() - before, sync::slice);
}

TEST(EventCount, the_bit_of_a_waiter_that_is_gone_is_cleared_by_the_next_notification) {
  EventCount events{};
  events.prepare();
  events.notify_one();
  EXPECT_EQ(events.word.load() & 1, 0u);
  const auto word = events.word.load();
  events.notify_one();
  events.notify_all();
  EXPECT_EQ(events.word.load(), word) << "nobody waits: nothing is written";
}

TEST(EventCount, every_notification_reaches_a_waiter_in_another_process) {
  const Shared shared;
  constexpr std::uint32_t rounds = 3'000;
  Member other([&] {
    for (std::uint32_t i = 1; i < rounds; i += 2) {
      shared.wait_for(i);
      shared.state() = i + 1;
      shared.events().notify_one();
    }
  });
  for (std::uint32_t i = 1; i < rounds; i += 2) {
    shared.state() = i;
    shared.events().notify_all();
    shared.wait_for(i + 1);
  }
  EXPECT_EQ(other.wait(), 0);
}

TEST(EventCount, a_killed_waiter_that_took_a_wake_up_with_it_holds_up_nobody) {
  const Shared shared;
  for (std::uint32_t round = 1; round <= 5; ++round) {
    Member victim([&] { shared.wait_for(round); });
    Member other([&] { shared.wait_for(round); });
    until_asleep(victim.pid());
    until_asleep(other.pid());
    shared.state() = round;
    victim.kill();
    shared.events().notify_one();
    victim.reap_without_sweep();
    EXPECT_EQ(other.wait(), 0);
  }
}

}  // namespace
}  // namespace royong
