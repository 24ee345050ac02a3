// SPDX-License-Identifier: Apache-2.0
// Processes that take turns, of which one dies at a random instant again and again.
#include <gtest/gtest.h>

#include <array>     // for std::array
#include <chrono>    // for std::chrono::microseconds
#include <iostream>  // for std::cout
#include <memory>    // for std::unique_ptr
#include <thread>    // for std::this_thread::sleep_for

#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/captured_stderr.hpp"
#include "support/member.hpp"
#include "support/random.hpp"

namespace royong {
namespace {

using royong_test::Member;

constexpr int kills = 120;  // a fork under AddressSanitizer on a busy machine takes 50 ms

struct Record {
  Value<int> inside;  ///< who is in the critical section: more than one would be a violation
  Value<long> violations;
  Value<long> turns;
  Value<long> inherited;  ///< turns that began with an abandoned lock
};

template <class L>
void take_turns(const L& lock, const Record& record, int me) {
  for (;;) {
    lock.acquire();
    if (lock.abandoned()) {
      record.inside.store(0);
      record.inherited += 1;
      lock.mark_consistent();
    }
    if (record.inside.exchange(me) != 0) record.violations += 1;
    record.turns += 1;
    if (record.inside.exchange(0) != me) record.violations += 1;
    lock.release();
  }
}

template <class L>
void storm(bool sweep_late) {
  const L lock;
  const Record record;
  const royong_test::CapturedStderr quiet;  // a warning for every owner that dies
  std::array<std::unique_ptr<Member>, 3> members;
  const auto start = [&](std::size_t i) {
    members[i] =
        std::make_unique<Member>([&, i] { take_turns(lock, record, static_cast<int>(i) + 1); });
  };
  for (std::size_t i = 0; i < members.size(); ++i) start(i);

  auto random = royong_test::random_engine();
  for (int kill = 0; kill < kills; ++kill) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1'500));
    const std::size_t victim = random() % members.size();
    members[victim]->kill();
    members[victim]->reap_without_sweep();
    if (sweep_late) std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
    const long before = record.turns.load();
    members[victim]->sweep();
    start(victim);
    // A lock that was lost would show here, as a test that never ends.
    while (record.turns.load() == before) {
      quiet.text();
      std::this_thread::yield();
    }
  }
  for (auto& member : members) member.reset();
  EXPECT_EQ(record.violations.load(), 0);
  EXPECT_TRUE(lock.acquire(false));
  std::cout << kills << " kills, " << record.turns.load() << " turns, " << record.inherited.load()
            << " began with an abandoned lock\n";
}

TEST(LockStorm, a_lock_is_never_lost_and_never_held_twice) { storm<Lock>(false); }
TEST(LockStorm, an_rlock_is_never_lost_and_never_held_twice) { storm<RLock>(false); }
TEST(LockStorm, a_late_sweep_does_no_harm) { storm<Lock>(true); }

}  // namespace
}  // namespace royong
