// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono_literals
#include <memory>     // for std::unique_ptr
#include <set>        // for std::multiset
#include <stdexcept>  // for std::domain_error
#include <thread>     // for std::thread
#include <vector>     // for std::vector

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/captured_stderr.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::Member;
using royong_test::until_asleep;

using Members = std::vector<std::unique_ptr<Member>>;

/// Processes that wait at the barrier, each until it passes or the barrier breaks.
struct Parties {
  explicit Parties(const Barrier& b) : barrier(b) {}
  const Barrier& barrier;
  const Value<int> passed;
  const Value<int> broken;
  Members members;

  /// Returns when they wait. @param n how many wait then
  void add(int n) {
    while (static_cast<int>(members.size()) < n) {
      members.push_back(std::make_unique<Member>([this] {
        try {
          barrier.wait();
          passed += 1;
        } catch (const BrokenBarrierError&) {
          broken += 1;
        }
      }));
    }
    eventually([&] { return barrier.n_waiting() == n; });
  }
  void join() {
    for (auto& member : members) {
      const int code = member->wait();
      EXPECT_TRUE(code == 0 || code == -SIGKILL) << code;
    }
  }
};

TEST(Barrier, of_one_party_is_passed_at_once) {
  const Barrier barrier(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier.wait(), 0);
  EXPECT_EQ(barrier.wait(0s), 0);
  EXPECT_EQ(barrier.parties(), 1);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, refuses_fewer_parties_than_one) {
  EXPECT_THROW_MESSAGE(Barrier(0), UsageError, "cannot have 0 parties");
  EXPECT_THROW_MESSAGE(Barrier(-3), UsageError, "cannot have -3 parties");
}

TEST(Barrier, lets_threads_and_processes_pass_together_again_and_again_each_with_its_own_number) {
  constexpr int parties = 4;
  constexpr int rounds = 500;
  const Barrier barrier(parties);
  const Array<int> arrived(rounds);
  const Array<int> numbers(rounds);
  const auto work = [&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      arrived[i] += 1;
      const int number = barrier.wait();
      numbers[i] += 1 << (4 * number);
      EXPECT_EQ(arrived.load(i), parties);
    }
  };
  Member a(work);
  Member b(work);
  std::thread c(work);
  work();
  c.join();
  EXPECT_EQ(a.wait(), 0);
  EXPECT_EQ(b.wait(), 0);
  for (std::size_t i = 0; i < rounds; ++i) EXPECT_EQ(numbers.load(i), 0x1111);
  EXPECT_EQ(barrier.n_waiting(), 0);
}

TEST(Barrier, numbers_the_parties_in_the_order_of_their_arrival) {
  const Barrier barrier(3);
  std::array<int, 3> numbers{-1, -1, -1};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] { numbers[static_cast<std::size_t>(i)] = barrier.wait(); });
    if (i < 2) eventually([&] { return barrier.n_waiting() == i + 1; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(numbers, (std::array{0, 1, 2}));
}

TEST(Barrier, a_party_whose_time_is_over_breaks_it_for_all) {
  const Barrier barrier(4);
  Parties parties(barrier);
  parties.add(2);
  EXPECT_THROW_MESSAGE(barrier.wait(1ms), BrokenBarrierError, "the barrier is broken");
  parties.join();
  EXPECT_EQ(parties.broken.load(), 2);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_THROW(barrier.wait(), BrokenBarrierError) << "until reset";
}

TEST(Barrier, has_a_time_of_its_own_that_a_wait_may_replace) {
  const Barrier barrier(2, {}, 1ms);
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  Member other([&] { EXPECT_EQ(barrier.wait(forever), 0); });
  eventually([&] { return barrier.n_waiting() == 1; });
  until_asleep(other.pid());
  EXPECT_EQ(barrier.wait(0s), 1);
  EXPECT_EQ(other.wait(), 0);
}

TEST(Barrier, takes_its_time_without_an_action) {
  const Barrier barrier(2, 1ms);
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  const Barrier patient(1, 5s);
  EXPECT_EQ(patient.wait(), 0);
}

TEST(Barrier, abort_breaks_it_until_reset) {
  const Barrier barrier(3);
  Parties parties(barrier);
  parties.add(2);
  barrier.abort();
  parties.join();
  EXPECT_EQ(parties.broken.load(), 2);
  barrier.abort();
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  Parties whole(barrier);
  whole.add(2);
  EXPECT_EQ(barrier.wait(), 2);
  whole.join();
  EXPECT_EQ(whole.passed.load(), 2);
}

TEST(Barrier, reset_sends_those_who_wait_away_and_those_who_come_begin_anew) {
  const Barrier barrier(3);
  barrier.reset();
  Parties parties(barrier);
  parties.add(2);
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
  Parties next(barrier);
  next.add(2);
  EXPECT_EQ(barrier.wait(), 2);
  parties.join();
  next.join();
  EXPECT_EQ(parties.broken.load(), 2);
  EXPECT_EQ(next.passed.load(), 2);
}

TEST(Barrier, a_party_that_is_held_up_for_many_rounds_still_learns_how_its_own_ended) {
  for (const bool passes : {true, false}) {
    const Barrier barrier(2);
    Parties slow(barrier);
    slow.add(1);
    ::kill(slow.members[0]->pid(), SIGSTOP);
    if (passes) {
      EXPECT_EQ(barrier.wait(), 1);
    } else {
      barrier.reset();
    }
    // The opposite, many times.
    for (int i = 0; i < 100; ++i) {
      if (passes) {
        barrier.reset();
      } else {
        std::thread other([&] { barrier.wait(); });
        barrier.wait();
        other.join();
      }
    }
    ::kill(slow.members[0]->pid(), SIGCONT);
    slow.join();
    EXPECT_EQ(slow.passed.load(), passes ? 1 : 0);
    EXPECT_EQ(slow.broken.load(), passes ? 0 : 1);
  }
}

TEST(Barrier, a_party_killed_while_it_waits_breaks_it_for_all) {
  const Barrier barrier(4);
  Parties parties(barrier);
  parties.add(3);
  parties.members[1]->kill();
  parties.members[1]->wait();
  parties.join();
  EXPECT_EQ(parties.broken.load(), 2);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
}

TEST(Barrier, a_killed_party_whom_nobody_sweeps_is_found_by_the_others) {
  const Barrier barrier(4);
  Parties parties(barrier);
  parties.add(3);
  parties.members[1]->kill();
  parties.members[1]->reap_without_sweep();
  eventually([&] { return parties.broken.load() == 2; });
  parties.join();
}

TEST(Barrier, the_last_to_arrive_does_not_pass_with_a_dead_party_whom_nobody_swept) {
  const Barrier barrier(2);
  Parties parties(barrier);
  parties.add(1);
  parties.members[0]->kill();
  parties.members[0]->reap_without_sweep();
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  parties.join();
}

TEST(Barrier, a_party_that_dies_after_the_round_and_before_it_returns_breaks_the_next_round) {
  const Barrier barrier(2);
  Parties parties(barrier);
  parties.add(1);
  ::kill(parties.members[0]->pid(), SIGSTOP);
  EXPECT_EQ(barrier.wait(), 1) << "it had arrived";
  std::atomic<bool> next_broke{false};
  std::thread next([&] {
    try {
      barrier.wait();
    } catch (const BrokenBarrierError&) {
      next_broke = true;
    }
  });
  eventually([&] { return barrier.n_waiting() == 1; });
  parties.members[0]->kill();
  parties.join();
  next.join();
  EXPECT_TRUE(next_broke);
}

TEST(Barrier, a_process_that_left_before_it_died_is_not_missed) {
  const Barrier barrier(2);
  for (int batch = 0; batch < 5; ++batch) {
    Member one([&] { barrier.wait(); });
    Member two([&] { barrier.wait(); });
    EXPECT_EQ(one.wait(), 0);
    EXPECT_EQ(two.wait(), 0);
  }
  EXPECT_FALSE(barrier.broken());
}

void add_one(Value<int> total) { total += 1; }

TEST(Barrier, its_action_runs_once_a_round_before_anybody_passes) {
  constexpr int rounds = 200;
  const Value<int> actions;
  const Barrier barrier(3, bind_front(add_one, actions));
  const auto work = [&] {
    for (int i = 1; i <= rounds; ++i) {
      barrier.wait();
      EXPECT_EQ(actions.load(), i) << "the next one cannot run before we arrive again";
    }
  };
  Member a(work);
  Member b(work);
  work();
  EXPECT_EQ(a.wait(), 0);
  EXPECT_EQ(b.wait(), 0);
  EXPECT_EQ(actions.load(), rounds);
}

TEST(Barrier, takes_no_action_in_every_way_that_one_can_say_so) {
  EXPECT_EQ(Barrier(1, {}).wait(), 0);
  EXPECT_EQ(Barrier(1, nullptr).wait(), 0);
  EXPECT_EQ(Barrier(1, std::nullopt, 1s).wait(), 0);
  EXPECT_EQ(Barrier(1, [] {}, 1s).wait(), 0);
}

void fail() { throw std::domain_error("no way"); }

TEST(Barrier,
     an_exception_of_the_action_reaches_the_party_that_ran_it_and_breaks_it_for_the_others) {
  const Barrier barrier(3, fail);
  Parties parties(barrier);
  parties.add(2);
  EXPECT_THROW_MESSAGE(barrier.wait(), std::domain_error, "no way");
  parties.join();
  EXPECT_EQ(parties.broken.load(), 2);
  EXPECT_TRUE(barrier.broken());
}

void die() { ::kill(::getpid(), SIGKILL); }

TEST(Barrier, a_party_killed_in_the_action_breaks_it_for_the_others) {
  const Barrier barrier(3, die);
  Parties parties(barrier);
  parties.add(2);
  Member last([&] { barrier.wait(); });
  EXPECT_EQ(last.wait(), -SIGKILL);
  parties.join();
  EXPECT_EQ(parties.broken.load(), 2);
}

void be_slow(Event begun, Event end) {
  begun.set();
  end.wait();
}

TEST(Barrier, who_comes_while_the_action_runs_waits_for_the_next_round) {
  const Event begun;
  const Event end;
  const Barrier barrier(2, bind_front(be_slow, begun, end));
  Parties parties(barrier);
  parties.add(1);
  eventually([&] { return barrier.n_waiting() == 1; });
  Member last([&] { EXPECT_EQ(barrier.wait(), 1); });
  begun.wait();
  Member early([&] { EXPECT_EQ(barrier.wait(), 0); });
  until_asleep(early.pid());
  end.set();
  EXPECT_EQ(last.wait(), 0);
  parties.join();
  EXPECT_EQ(parties.passed.load(), 1);
  eventually([&] { return barrier.n_waiting() == 1; });
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(early.wait(), 0);
}

TEST(Barrier, broken_or_reset_while_the_action_runs_is_passed_by_nobody) {
  for (const bool reset : {true, false}) {
    const Event begun;
    const Event end;
    const Barrier barrier(2, bind_front(be_slow, begun, end));
    Parties parties(barrier);
    parties.add(1);
    eventually([&] { return barrier.n_waiting() == 1; });
    Member last([&] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); });
    begun.wait();
    reset ? barrier.reset() : barrier.abort();
    end.set();
    EXPECT_EQ(last.wait(), 0);
    parties.join();
    EXPECT_EQ(parties.broken.load(), 1);
    EXPECT_EQ(barrier.broken(), !reset);
  }
}

TEST(Barrier, keeps_alive_what_is_bound_to_its_action_and_lets_it_go) {
  const auto objects = memory::live_objects();
  memory::release_empty_slabs();
  const auto used = memory::arena_usage().used;
  {
    auto total = std::make_unique<Value<int>>();
    const Barrier barrier(1, bind_front(add_one, *total));
    total.reset();
    EXPECT_EQ(memory::live_objects(), objects + 2);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier.wait(), 0);
  }
  EXPECT_EQ(memory::live_objects(), objects);
  memory::release_empty_slabs();
  EXPECT_LE(memory::arena_usage().used, used);
}

TEST(Barrier, has_room_for_many_parties) {
  constexpr int parties = 100;
  const Barrier barrier(parties);
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < parties; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 3; ++round) sum += barrier.wait();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum, 3 * parties * (parties - 1) / 2);
}

TEST(Barrier, cannot_be_waited_at_in_a_child_of_the_users_own_fork) {
  const Barrier barrier(1);
  const pid_t child = fork();
  if (child == 0) {
    bool refused = false;
    try {
      barrier.wait();
    } catch (const UsageError&) {
      refused = true;
    }
    _exit(refused ? 0 : 1);
  }
  EXPECT_EQ(royong_test::exit_code(child), 0);
}

}  // namespace
}  // namespace royong
