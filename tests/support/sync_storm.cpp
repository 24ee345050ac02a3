// SPDX-License-Identifier: Apache-2.0
#include "support/sync_storm.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>   // for std::max
#include <atomic>      // for std::atomic_ref
#include <functional>  // for std::function
#include <iostream>    // for std::cout
#include <memory>      // for std::unique_ptr
#include <mutex>       // for std::scoped_lock
#include <thread>      // for std::this_thread::sleep_for
#include <vector>      // for std::vector

#include "memory/objects.hpp"
#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/captured_stderr.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// What a storm rages over.
struct Scene {
  std::size_t members;
  std::function<void(std::size_t member)> body;  ///< what a member does, for ever
  std::function<std::uint64_t()> progress;       ///< how many operations there were
  /// After a member was reaped, before it is swept.
  std::function<void(std::size_t member)> buried = [](std::size_t) {};
  /// Again and again while the storm waits for progress: what a surviving program would do.
  std::function<void()> tend = [] {};
  /// The survivors cannot go on without the dead one: it is replaced before they are waited for.
  bool needs_all = false;
};

constexpr std::uint64_t unswept_every = 20;

SyncStormResult rage(std::uint64_t kills, const Scene& scene) {
  SyncStormResult result;
  const CapturedStderr quiet;  // a warning for every owner that dies
  std::vector<std::unique_ptr<Member>> members(scene.members);
  const auto start = [&](std::size_t i) {
    members[i] = std::make_unique<Member>([&, i] { scene.body(i); });
  };
  for (std::size_t i = 0; i < members.size(); ++i) start(i);

  const auto patience = std::chrono::duration_cast<Clock::duration>(20s * time_factor());
  const auto goes_on = [&](std::uint64_t before) {
    for (const auto since = Clock::now(); scene.progress() == before; ::sched_yield()) {
      scene.tend();
      if (Clock::now() - since > patience) return false;
    }
    return true;
  };

  auto random = random_engine();
  while (result.kills < kills && result.hangs == 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1'500));
    const std::size_t victim = random() % members.size();
    const bool unswept = ++result.kills % unswept_every == 0;
    members[victim]->kill();
    members[victim]->reap_without_sweep();
    const auto killed = Clock::now();
    scene.buried(victim);
    if (!unswept) {
      if (random() % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      members[victim]->sweep();
    }
    const auto before = scene.progress();
    std::unique_ptr<Member> dead = std::move(members[victim]);
    if (scene.needs_all) start(victim);
    result.hangs += goes_on(before) ? 0 : 1;
    result.longest_gap =
        std::max(result.longest_gap,
                 std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - killed));
    result.unswept += unswept ? 1 : 0;
    dead.reset();  // sweeps, if nobody has
    if (!scene.needs_all) start(victim);
    quiet.text();
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i]->kill();
    members[i]->reap_without_sweep();
    scene.buried(i);
    members[i].reset();
  }
  result.operations = scene.progress();
  return result;
}

template <class L>
SyncStormResult any_lock_storm(std::uint64_t kills, int depth) {
  const L lock;
  const mp::Value<int> inside;  // who is in the critical section
  const mp::Value<std::uint64_t> violations;
  const mp::Value<std::uint64_t> turns;
  const auto body = [&](std::size_t member) {
    const int me = static_cast<int>(member) + 1;
    for (;;) {
      for (int i = 0; i < depth; ++i) lock.acquire();
      if (lock.abandoned()) {
        inside.store(0);
        lock.mark_consistent();
      }
      if (inside.exchange(me) != 0) violations += 1;
      turns += 1;
      if (inside.exchange(0) != me) violations += 1;
      for (int i = 0; i < depth; ++i) lock.release();
    }
  };
  auto result = rage(kills, {.members = 3, .body = body, .progress = [&] { return turns.load(); }});
  result.violations = violations.load();
  result.lost = lock.acquire(false) ? 0 : 1;
  return result;
}

template <class S>
SyncStormResult permit_storm(std::uint64_t kills, const S& semaphore) {
  const int permits = semaphore.get_value();
  // Who holds how many: four bits a member, in one word, so that one look sees all of them at one instant.
  const mp::Value<std::uint64_t> held;
  const mp::Value<std::uint64_t> violations;
  const mp::Value<std::uint64_t> taken;
  const auto one_of = [](std::size_t member) { return std::uint64_t{1} << (4 * member); };
  const auto forget = [&](std::size_t member) { held -= held.load() & (15 * one_of(member)); };
  const auto body = [&](std::size_t member) {
    auto random = random_engine(member);
    for (;;) {
      int mine = 0;
      const auto take = [&](bool block) {
        if (!semaphore.acquire(block)) return;
        ++mine;
        taken += 1;
        std::uint64_t all = 0;
        for (auto now = held += one_of(member); now != 0; now >>= 4) all += now & 15;
        if (all > static_cast<std::uint64_t>(permits)) violations += 1;
      };
      take(true);
      if (random() % 4 == 0) take(false);
      forget(member);
      semaphore.release(mine);
    }
  };
  auto result = rage(
      kills,
      {.members = 5, .body = body, .progress = [&] { return taken.load(); }, .buried = forget});
  result.violations = violations.load();
  const int left = semaphore.get_value() - permits;
  result.lost = std::max(0, -left);
  result.extra = std::max(0, left);
  return result;
}

void note_round(const mp::RawArray<int>& present, const mp::Value<std::uint64_t>& rounds,
                const mp::Value<int>& missing) {
  int all = 1;
  for (int& one : present) all &= std::atomic_ref(one).load();
  missing.store(1 - all);
  rounds += 1;
}

}  // namespace

SyncStormResult lock_storm(std::uint64_t kills) { return any_lock_storm<mp::Lock>(kills, 1); }
SyncStormResult rlock_storm(std::uint64_t kills) { return any_lock_storm<mp::RLock>(kills, 3); }

SyncStormResult event_storm(std::uint64_t kills) {
  const mp::Event event;
  const mp::Value<std::uint64_t> woken;
  const mp::Value<std::uint64_t> violations;
  const auto body = [&](std::size_t member) {
    for (;;) {
      if (member < 2) {
        event.set();
        event.clear();
        ::sched_yield();
      } else if (event.wait()) {
        woken += 1;
      } else {
        violations += 1;
      }
    }
  };
  auto result = rage(kills, {.members = 5, .body = body, .progress = [&] { return woken.load(); }});
  result.violations = violations.load();
  return result;
}

SyncStormResult semaphore_storm(std::uint64_t kills) {
  const mp::Semaphore semaphore(0);
  // Begun and done: a process that is killed in between may have changed the value, or not.
  const mp::Value<std::int64_t> adding, added, taken;
  const auto body = [&](std::size_t member) {
    for (;;) {
      if (member >= 2) {
        semaphore.acquire();
        taken += 1;
      } else if (semaphore.get_value() < 3) {
        adding += 1;
        semaphore.release();
        added += 1;
      } else {
        ::sched_yield();
      }
    }
  };
  std::int64_t killed_takers = 0;  // each may have taken one that it did not live to count
  auto result =
      rage(kills, {.members = 5,
                   .body = body,
                   .progress = [&] { return static_cast<std::uint64_t>(taken.load()); },
                   .buried = [&](std::size_t member) { killed_takers += member >= 2 ? 1 : 0; }});
  const std::int64_t value = semaphore.get_value();
  result.lost = std::max<std::int64_t>(0, added.load() - taken.load() - killed_takers - value);
  result.extra = std::max<std::int64_t>(0, value - (adding.load() - taken.load()));
  return result;
}

SyncStormResult returning_semaphore_storm(std::uint64_t kills) {
  return permit_storm(kills, mp::Semaphore(3, {.return_on_death = true}));
}
SyncStormResult bounded_semaphore_storm(std::uint64_t kills) {
  return permit_storm(kills, mp::BoundedSemaphore(3));
}

SyncStormResult condition_storm(std::uint64_t kills) {
  constexpr int room = 3;
  const mp::Lock lock;
  const mp::Condition not_full(lock);
  const mp::Condition not_empty(lock);
  const mp::RawValue<int> level;
  const mp::Value<std::uint64_t> taken;
  const mp::Value<std::uint64_t> violations;
  // Who died owning the lock may have changed the level and notified nobody: that is for the next owner to put right.
  const auto put_right = [&] {
    if (!lock.abandoned()) return;
    not_full.notify_all();
    not_empty.notify_all();
    lock.mark_consistent();
  };
  const auto body = [&](std::size_t member) {
    for (;;) {
      const std::scoped_lock guard(lock);
      put_right();
      if (member < 2) {
        not_full.wait_for([&] { return *level < room; });
        *level += 1;
        not_empty.notify();
      } else {
        not_empty.wait_for([&] { return *level > 0; });
        *level -= 1;
        taken += 1;
        not_full.notify();
      }
      if (*level < 0 || *level > room) violations += 1;
    }
  };
  auto result = rage(kills, {.members = 4,
                             .body = body,
                             .progress = [&] { return taken.load(); },
                             .tend =
                                 [&] {
                                   if (!lock.abandoned()) return;
                                   const std::scoped_lock guard(lock);
                                   put_right();
                                 }});
  result.violations = violations.load();
  return result;
}

SyncStormResult barrier_storm(std::uint64_t kills) {
  constexpr std::size_t parties = 3;
  const mp::RawArray<int> present(parties);  // on the way to the barrier, or there
  const mp::Value<std::uint64_t> rounds;
  const mp::Value<int> missing;
  const mp::Array<std::uint64_t> passes(parties);  // by the number that wait returned
  const mp::Value<std::uint64_t> passed_broken;
  const mp::Barrier barrier(parties, mp::bind_front(note_round, present, rounds, missing));
  const auto be_present = [&](std::size_t member, int is) {
    std::atomic_ref(present[member]).store(is);
  };
  const auto body = [&](std::size_t member) {
    for (;;) {
      be_present(member, 1);
      try {
        const int number = barrier.wait();
        be_present(member, 0);
        // Who came last ran the action: nobody has run another since, for that needs all of us again.
        if (number == static_cast<int>(parties) - 1 && missing.load() != 0) passed_broken += 1;
        passes[static_cast<std::size_t>(number)] += 1;
      } catch (const mp::BrokenBarrierError&) {
        be_present(member, 0);
        ::sched_yield();
      }
    }
  };
  auto result =
      rage(kills, {.members = parties,
                   .body = body,
                   .progress = [&] { return passes.load(0) + passes.load(1) + passes.load(2); },
                   .buried = [&](std::size_t member) { be_present(member, 0); },
                   .tend =
                       [&] {
                         if (barrier.broken()) barrier.reset();
                       },
                   .needs_all = true});
  result.passed_broken = passed_broken.load();
  for (std::size_t i = 0; i < parties; ++i) {
    if (passes.load(i) > rounds.load()) ++result.violations;  // passed without a round
  }
  return result;
}

void expect_unharmed(SyncStorm storm, std::uint64_t kills) {
  const auto objects = royong::memory::live_objects();
  const SyncStormResult result = storm(kills);
  std::cout << result << "\n";
  EXPECT_EQ(result.kills, kills);
  EXPECT_GT(result.operations, 0u);
  EXPECT_EQ(result.violations, 0u);
  EXPECT_EQ(result.lost, 0);
  EXPECT_EQ(result.extra, 0);
  EXPECT_EQ(result.passed_broken, 0u);
  EXPECT_EQ(result.hangs, 0u);
  EXPECT_EQ(royong::memory::live_objects(), objects);
}

}  // namespace royong_test
