// SPDX-License-Identifier: Apache-2.0
#include "memory/slots.hpp"

#include <random>  // for std::mt19937
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "family.hpp"
#include "memory/robust_mutex.hpp"

namespace royong::memory {
namespace {

using royong_test::ForkedMember;
using royong_test::in_child;
using royong_test::Shared;

class SlotsTest : public royong_test::MemoryTest {};

bool pause_until_killed() {
  for (;;) ::pause();
}

void wait_until_alive(Owner owner) {
  while (!is_alive(owner)) ::usleep(200);
}

TEST_F(SlotsTest, AMemberIsAliveFromItsClaimToItsDeath) {
  ForkedMember member(pause_until_killed);
  wait_until_alive(member.slot());
  EXPECT_EQ(slot(member.slot()).pid, static_cast<std::uint32_t>(member.pid()));
  EXPECT_EQ(slot(member.slot()).parent, self().bits);
  member.kill();
  member.wait();
  EXPECT_FALSE(is_alive(member.slot())) << "the token goes before the death is seen";
}

TEST_F(SlotsTest, ASlotIsNotReusedBeforeItsSweep) {
  ForkedMember member([] { return true; });
  member.wait();
  const Owner other = reserve_slot();
  EXPECT_NE(other.index(), member.slot().index());
  cancel_slot(other);
}

TEST_F(SlotsTest, AReusedSlotIsAnotherGeneration) {
  ForkedMember first([] { return true; });
  first.bury();
  const Owner second = reserve_slot();
  EXPECT_EQ(second.index(), first.slot().index());
  EXPECT_GT(second.generation(), first.slot().generation());
  EXPECT_FALSE(is_alive(first.slot()));
  EXPECT_THROW(claim_slot(first.slot()), TransferError);
  sweep(first.slot());  // of the old life: nothing
  EXPECT_EQ(slot(second).state, SlotState::reserved);
  cancel_slot(second);
}

TEST_F(SlotsTest, SweepDoesNothingToTheLiving) {
  ForkedMember member(pause_until_killed);
  wait_until_alive(member.slot());
  sweep(member.slot());
  EXPECT_TRUE(is_alive(member.slot()));
  sweep(self());
  EXPECT_TRUE(is_alive(self()));
}

TEST_F(SlotsTest, RefusesSlotsThatAreNotReserved) {
  EXPECT_THROW(claim_slot(Owner{}), TransferError);
  EXPECT_THROW(claim_slot(self()), TransferError);
  EXPECT_THROW(claim_slot(Owner::of(max_processes - 1, 1)), TransferError);
  EXPECT_THROW(slot(Owner{0xfffe}), TransferError);
  EXPECT_FALSE(is_alive(Owner{~std::uint64_t{0}}));
}

TEST_F(SlotsTest, SaysThatTheTableIsFull) {
  std::vector<Owner> reserved;
  EXPECT_THROW(
      {
        for (;;) reserved.push_back(reserve_slot());
      },
      ArenaFull);
  EXPECT_GT(reserved.size(), max_processes / 2);
  for (const Owner owner : reserved) cancel_slot(owner);
  cancel_slot(reserve_slot());
}

TEST_F(SlotsTest, AChildOfTheUsersOwnForkIsNoMember) {
  EXPECT_EQ(in_child([] { return self() ? "member" : "nobody"; }), "nobody");
  EXPECT_NE(in_child([] {
              allocate(1);
              return std::string();
            }).find("no member"),
            std::string::npos);
}

TEST_F(SlotsTest, ListsTheChildrenThatAreNotSwept) {
  ForkedMember live(pause_until_killed);
  ForkedMember dead([] { return true; });
  dead.wait();
  const auto children = [] {
    std::vector<std::uint64_t> found;
    for_each_child(
        self(),
        [](Owner child, void* context) {
          static_cast<std::vector<std::uint64_t>*>(context)->push_back(child.bits);
        },
        &found);
    return found;
  };
  EXPECT_EQ(children().size(), 2U);
  dead.bury();
  ASSERT_EQ(children().size(), 1U);
  EXPECT_EQ(children()[0], live.slot().bits);
}

// Hooks stay for ever: one that only watches.
struct Watched {
  std::uint64_t dead = 0;
  int calls = 0;
  int order = 0;
  bool dies = false;
};
Shared<Watched>& watched() {
  static auto& shared = *new Shared<Watched>;
  return shared;
}
void first_hook(Owner dead) noexcept {
  watched()->dead = dead.bits;
  ++watched()->calls;
  watched()->order = 1;
  if (watched()->dies) ::raise(SIGKILL);
}
void second_hook(Owner) noexcept { watched()->order = watched()->order * 10 + 2; }

void add_hooks() {
  *watched() = {};
  add_sweep_hook(first_hook);
  add_sweep_hook(second_hook);
}

TEST_F(SlotsTest, SweepCallsTheHooksInOrderOnce) {
  add_hooks();
  ForkedMember member([] { return true; });
  member.bury();
  sweep(member.slot());
  EXPECT_EQ(watched()->dead, member.slot().bits);
  EXPECT_EQ(watched()->calls, 1);
  EXPECT_EQ(watched()->order, 12);
}

TEST_F(SlotsTest, ASweeperThatDiesLeavesTheSweepToTheNext) {
  add_hooks();
  ForkedMember member([] {
    allocate(100);
    allocate(100'000);
    return true;
  });
  member.wait();
  watched()->dies = true;
  ForkedMember sweeper([&] {
    sweep(member.slot());
    return true;
  });
  EXPECT_FALSE(sweeper.wait());
  EXPECT_EQ(slot(member.slot()).state, SlotState::sweeping);
  EXPECT_FALSE(is_alive(member.slot()));
  watched()->dies = false;
  member.bury();
  EXPECT_EQ(slot(member.slot()).state, SlotState::free);
  EXPECT_EQ(used(), 0U);
}

TEST_F(SlotsTest, KilledAnywhereFromReservationToLifeLeavesNoSlot) {
  std::mt19937 random(1);
  const auto count = [] {
    int in_use = 0;
    for (std::uint32_t i = 0; i < header().slots_high; ++i) {
      in_use += slot_table()[i].state != SlotState::free;
    }
    return in_use;
  };
  const int before = count();
  for (int i = 0; i < 200; ++i) {
    ForkedMember member([] {
      for (;;) cancel_slot(reserve_slot());
      return true;
    });
    royong_test::nap(random, 400);
    member.kill();
    member.wait();
    // What it had reserved has a dead parent: its own parent sweeps it.
    for_each_child(member.slot(), [](Owner child, void*) { cancel_slot(child); }, nullptr);
    member.bury();
  }
  EXPECT_EQ(count(), before);
}

TEST_F(SlotsTest, ARobustLockOutlivesItsOwner) {
  const Shared<pthread_mutex_t> mutex;
  init_robust(*mutex);
  ForkedMember member([&] {
    const RobustGuard guard(*mutex);
    ::raise(SIGKILL);
    return true;
  });
  member.wait();
  {
    const RobustGuard guard(*mutex);
    EXPECT_TRUE(guard.owner_died());
    EXPECT_THROW(RobustGuard again(*mutex), std::system_error) << "an error and not a hang";
    std::thread([&] {
      const RobustGuard other(*mutex, std::try_to_lock);
      EXPECT_FALSE(other.owns());
    }).join();
  }
  const RobustGuard guard(*mutex);
  EXPECT_FALSE(guard.owner_died());
}

}  // namespace
}  // namespace royong::memory
