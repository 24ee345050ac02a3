// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Processes killed at random instants, hundreds of times: nothing is torn, lost or left.
 */
#include <array>   // for std::array
#include <memory>  // for std::unique_ptr
#include <random>  // for std::mt19937
#include <vector>  // for std::vector

#include "family.hpp"
#include "memory/directory.hpp"
#include "patterned.hpp"

namespace royong::memory {
namespace {

using royong_test::ForkedMember;
using royong_test::nap;
using royong_test::page_problems;
using royong_test::Patterned;
using royong_test::Quota;
using royong_test::Shared;

constexpr std::uint64_t mega = 1 << 20;
constexpr ObjectKind storm_kind = ObjectKind::event;

class StormTest : public royong_test::MemoryTest {};

// What a process gave to its parent: the offset is noted before the block changes hands.
struct Gifts {
  std::array<std::atomic<Offset>, 32> offered;
};

std::size_t random_size(std::mt19937& random) {
  switch (random() % 8) {
    case 0: return random() % (3 * mega);
    case 1: return random() % 100'000;
    default: return random() % 3000;
  }
}

// Takes, checks, frees, and gives away, until it is killed.
bool churn(unsigned seed, Owner parent, Gifts& gifts) {
  std::mt19937 random(seed);
  std::vector<Patterned> held;
  std::size_t given = 0;
  for (;;) {
    const unsigned choice = random() % 16;
    if (held.size() < 20 && choice < 8) {
      try {
        held.emplace_back(random_size(random));
      } catch (const ArenaFull&) {
      }
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      if (!held.back().intact()) return false;
      if (choice == 15 && given < gifts.offered.size()) {
        gifts.offered[given++] = held.back().offset();
        set_owner(held.back().offset(), parent);
      } else {
        held.back().free();
      }
      held.pop_back();
    }
  }
}

// Checks and frees what the dead process gave. Its last offer may not have changed hands: then the
// sweep took it.
int accept(Gifts& gifts) {
  int accepted = 0;
  for (auto& offer : gifts.offered) {
    Patterned gift(offer.exchange(0), 0);
    try {
      if (gift.offset() == 0 || owner_of(gift.offset()) != self()) continue;
    } catch (const TransferError&) {
      continue;
    }
    EXPECT_TRUE(gift.intact());
    gift.free();
    ++accepted;
  }
  return accepted;
}

TEST_F(StormTest, KilledAllocatorsLeaveNothingAndTearNothing) {
  constexpr std::size_t at_once = 3;
  constexpr unsigned kills = 400;
  const Quota quota(arena_usage().used + 48 * mega);
  std::mt19937 random(7);
  const Owner me = self();
  std::array<Shared<Gifts>, at_once> gifts;
  std::array<std::unique_ptr<ForkedMember>, at_once> members;
  int accepted = 0;
  for (unsigned i = 0; i < kills + at_once; ++i) {
    const std::size_t place = i % at_once;
    if (members[place]) {
      nap(random, 1500);
      members[place]->kill();
      EXPECT_FALSE(members[place]->bury());
      accepted += accept(*gifts[place]);
      ASSERT_EQ(page_problems(), "") << "after kill " << i;
    }
    if (i < kills) {
      members[place] = std::make_unique<ForkedMember>([&] { return churn(i, me, *gifts[place]); });
    }
  }
  for (auto& member : members) member.reset();
  EXPECT_GT(accepted, 100);
  EXPECT_EQ(used(), 0U);
}

TEST_F(StormTest, KilledSweepersLeaveTheirWorkToTheNext) {
  const Quota quota(arena_usage().used + 48 * mega);
  std::mt19937 random(8);
  Shared<Gifts> gifts;
  for (unsigned i = 0; i < 100; ++i) {
    ForkedMember victim([&] { return churn(i, family, *gifts); });
    nap(random, 2000);
    victim.kill();
    victim.wait();
    ForkedMember sweeper([&] {
      sweep(victim.slot());
      return true;
    });
    nap(random, 600);
    sweeper.kill();
    sweeper.wait();
    victim.bury();
    sweeper.bury();
    ASSERT_EQ(page_problems(), "") << "after sweeper " << i;
    for (auto& offer : gifts->offered) {
      const Offset offset = offer.exchange(0);
      try {
        if (offset != 0 && owner_of(offset) == family) free_block(offset);
      } catch (const TransferError&) {
      }
    }
  }
  EXPECT_EQ(used(), 0U);
}

// Makes objects with blocks, sends them, takes what others sent, lets go, until it is killed.
struct Mail {
  struct Letter {
    std::atomic<std::uint64_t> serial;
    std::atomic<std::uint32_t> index, pin;
  };
  std::array<Letter, 8> letters;
};

bool correspond(unsigned seed, Mail& mail, const ObjectRef& common) {
  std::mt19937 random(seed);
  std::vector<ObjectRef> held;
  for (;;) {
    auto& letter = mail.letters[random() % mail.letters.size()];
    if (const std::uint64_t serial = letter.serial.exchange(0)) {
      try {
        held.push_back(acquire_pinned({letter.index, serial}, letter.pin, storm_kind, 0));
      } catch (const TransferError&) {  // its numbers were overwritten: letters are not a queue
      }
    }
    held.push_back(ObjectRef::create(storm_kind));
    ObjectRecord& record = held.back().record();
    const Offset block = allocate(random_size(random) / 8);
    set_owner(block, owner_of_object(record));
    record.block = block;
    if (letter.serial == 0) {
      const Owner carrier = random() % 2 == 0 ? owner_of_object(common.record()) : self();
      letter.index = record.index;
      letter.pin = pin(held.back(), carrier);
      letter.serial = record.serial.load();
    }
    while (held.size() > random() % 10) held.erase(held.begin());
  }
}

TEST_F(StormTest, KilledHoldersOfObjectsLeaveNone) {
  constexpr std::size_t at_once = 3;
  constexpr unsigned kills = 300;
  std::mt19937 random(9);
  Shared<Mail> mail;
  const std::uint64_t before = live_objects();
  std::array<std::unique_ptr<ForkedMember>, at_once> members;
  {
    const ObjectRef common = ObjectRef::create(storm_kind);
    for (unsigned i = 0; i < kills + at_once; ++i) {
      auto& member = members[i % at_once];
      if (member) {
        nap(random, 1500);
        member->kill();
        EXPECT_FALSE(member->bury());
        ASSERT_EQ(page_problems(), "") << "after kill " << i;
      }
      member.reset();
      if (i < kills)
        member = std::make_unique<ForkedMember>([&] { return correspond(i, *mail, common); });
    }
  }
  {
    // The pins of the dead are ours now: letters that nobody will read.
    Directory directory;
    for (std::uint32_t i = 0; i < header().pins_high; ++i) {
      if (pin_table()[i].owner == self().bits) directory.drop_pin(pin_table()[i]);
    }
  }
  EXPECT_EQ(live_objects(), before);
  EXPECT_EQ(used(), 0U);
}

}  // namespace
}  // namespace royong::memory
