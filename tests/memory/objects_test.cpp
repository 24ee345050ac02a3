// SPDX-License-Identifier: Apache-2.0
#include "memory/objects.hpp"

#include <cstring>  // for std::memcpy
#include <memory>   // for std::unique_ptr
#include <thread>   // for std::thread
#include <vector>   // for std::vector

#include "family.hpp"
#include "memory/robust_mutex.hpp"

namespace royong::memory {
namespace {

using royong_test::ForkedMember;
using royong_test::in_child;
using royong_test::Shared;

constexpr ObjectKind kind = ObjectKind::event;

class ObjectsTest : public royong_test::MemoryTest {
 protected:
  ~ObjectsTest() override { set_kind_hooks(kind, {}); }
};

bool pause_for_ever() {
  for (;;) ::pause();
}

bool is_gone(ObjectName name) {
  try {
    ObjectRef::acquire(name, kind, 0);
    return false;
  } catch (const TransferError&) {
    return true;
  }
}

// What a process says to another.
struct Note {
  std::atomic<std::uint32_t> index;
  std::atomic<std::uint64_t> serial;
  std::atomic<std::uint32_t> pin;
  std::atomic<int> stage;

  void say(ObjectName name) {
    index = name.index;
    serial = name.serial;
  }
  ObjectName name() const { return {index, serial}; }
  void advance(int to) { stage = to; }
  void await(int at) const {
    while (stage < at) ::usleep(100);
  }
};

TEST_F(ObjectsTest, BeginZeroFilledAndEndWithTheLastReference) {
  ObjectRef object = ObjectRef::create(kind, 7);
  const ObjectName name = object.name();
  EXPECT_EQ(object.kind(), kind);
  EXPECT_EQ(object.type_hash(), 7U);
  for (const std::byte each : object.record().state) EXPECT_EQ(each, std::byte{0});
  object.record().state[3] = std::byte{1};
  ObjectRef copy = object;
  object = {};
  EXPECT_EQ(copy.name(), name);
  copy = ObjectRef::acquire(name, kind, 7);
  copy = {};
  EXPECT_TRUE(is_gone(name));
}

TEST_F(ObjectsTest, AStaleNameIsRefusedThoughItsRecordLivesAgain) {
  const ObjectName old = ObjectRef::create(kind).name();
  std::vector<ObjectRef> others;
  bool reused = false;
  for (int i = 0; i < 1000 && !reused; ++i) {
    others.push_back(ObjectRef::create(kind));
    reused = others.back().name().index == old.index;
  }
  EXPECT_TRUE(reused);
  EXPECT_TRUE(is_gone(old));
  EXPECT_EQ(others.back().record().state[3], std::byte{0}) << "nothing of its last life";
  for (const ObjectRef& each : others) EXPECT_GT(each.name().serial, old.serial);
}

TEST_F(ObjectsTest, RefusesANameOfAnotherKindOrType) {
  const ObjectRef object = ObjectRef::create(kind, 7);
  const ObjectName name = object.name();
  EXPECT_THROW(ObjectRef::acquire(name, ObjectKind::lock, 7), TransferError);
  EXPECT_THROW(ObjectRef::acquire(name, kind, 8), TransferError);
  EXPECT_THROW(ObjectRef::acquire({name.index, name.serial + 1}, kind, 7), TransferError);
  EXPECT_THROW(ObjectRef::acquire({~0U, name.serial}, kind, 7), TransferError);
  EXPECT_THROW(ObjectRef::acquire({}, kind, 7), TransferError);
  const std::string elsewhere = in_child([&] {
    claim_slot(reserve_slot());
    std::string text;
    for (const auto hash : {8U, 7U}) {
      try {
        ObjectRef::acquire(name, hash == 7 ? ObjectKind::lock : kind, hash);
      } catch (const TransferError& error) {
        text += error.what();
      }
    }
    return text;
  });
  EXPECT_NE(elsewhere.find("another"), std::string::npos) << elsewhere;
}

TEST_F(ObjectsTest, LivesWhileAnyProcessHoldsIt) {
  Shared<Note> note;
  ObjectRef object = ObjectRef::create(kind);
  const ObjectName name = object.name();
  ForkedMember holder([&] {
    const ObjectRef mine = ObjectRef::acquire(name, kind, 0);
    object = {};  // the copy that came with the fork
    note->advance(1);
    note->await(2);
    return mine.record().serial == name.serial;
  });
  note->await(1);
  object = {};
  EXPECT_FALSE(is_gone(name));
  note->advance(2);
  EXPECT_TRUE(holder.wait());
  EXPECT_TRUE(is_gone(name)) << "the holder let go before it ended";
}

TEST_F(ObjectsTest, ABlockOfAnObjectEndsWithIt) {
  ObjectRef object = ObjectRef::create(kind);
  const Offset block = allocate(100'000);
  set_owner(block, owner_of_object(object.record()));
  object.record().block = block;
  const Offset forgotten = allocate(100);  // died between set_owner and the object's own note of it
  set_owner(forgotten, owner_of_object(object.record()));
  ForkedMember([] { return true; }).bury();
  EXPECT_EQ(owner_of(block), owner_of_object(object.record())) << "no sweep takes it";
  EXPECT_EQ(owner_of(forgotten), owner_of_object(object.record()));
  object = {};
  EXPECT_THROW(memory::block(block), TransferError);
  ForkedMember([] { return true; }).bury();
  EXPECT_THROW(memory::block(forgotten), TransferError) << "a sweep finds it";
}

TEST_F(ObjectsTest, KilledHoldersAreForgotten) {
  ObjectRef object = ObjectRef::create(kind);
  const ObjectName name = object.name();
  Shared<Note> note;
  ForkedMember holder([&] {
    const ObjectRef mine = ObjectRef::acquire(name, kind, 0);
    note->advance(1);
    return pause_for_ever();
  });
  note->await(1);
  object = {};
  holder.kill();
  holder.wait();
  EXPECT_FALSE(is_gone(name));
  holder.bury();
  EXPECT_TRUE(is_gone(name));
}

TEST_F(ObjectsTest, AForkedMemberHoldsWhatItsParentHeld) {
  ObjectRef object = ObjectRef::create(kind);
  const ObjectName name = object.name();
  Shared<Note> note;
  ForkedMember child([&] {
    note->advance(1);
    note->await(2);
    return object.record().serial == name.serial;
  });
  // Even before the child runs.
  object = {};
  EXPECT_FALSE(is_gone(name));
  note->await(1);
  note->advance(2);
  EXPECT_TRUE(child.bury());
  EXPECT_TRUE(is_gone(name));
}

TEST_F(ObjectsTest, AChildOfTheUsersOwnForkLetsGoOfNothing) {
  ObjectRef object = ObjectRef::create(kind);
  EXPECT_EQ(in_child([&] {
              object = {};
              return "let go";
            }),
            "let go");
  EXPECT_FALSE(is_gone(object.name()));
  EXPECT_NE(in_child([&] {
              ObjectRef::create(kind);
              return std::string();
            }).find("no member"),
            std::string::npos);
}

TEST_F(ObjectsTest, APinKeepsAnObjectOnItsWay) {
  ObjectRef object = ObjectRef::create(kind);
  const ObjectName name = object.name();
  const std::uint32_t number = pin(object);
  object = {};
  EXPECT_THROW(acquire_pinned(name, number + 1, kind, 0), TransferError);
  EXPECT_THROW(acquire_pinned(name, number ^ 0x10000, kind, 0), TransferError);
  EXPECT_THROW(acquire_pinned({name.index, name.serial + 1}, number, kind, 0), TransferError);
  EXPECT_THROW(acquire_pinned(name, number, ObjectKind::lock, 0), TransferError);
  object = acquire_pinned(name, number, kind, 0);
  EXPECT_THROW(acquire_pinned(name, number, kind, 0), TransferError) << "used up";
  EXPECT_FALSE(is_gone(name));
  object = {};
  EXPECT_TRUE(is_gone(name));
}

TEST_F(ObjectsTest, WhatADeadSenderSentCanStillBeRead) {
  Shared<Note> note;
  ForkedMember sender([&] {
    const ObjectRef object = ObjectRef::create(kind);
    std::memcpy(object.record().state, "sent", 5);
    note->say(object.name());
    note->pin = pin(object);
    ::raise(SIGKILL);
    return true;
  });
  sender.bury();
  const ObjectRef object = acquire_pinned(note->name(), note->pin, kind, 0);
  EXPECT_STREQ(reinterpret_cast<const char*>(object.record().state), "sent");
}

TEST_F(ObjectsTest, WhatAQueueCarriesEndsWithTheQueue) {
  ObjectRef outer = ObjectRef::create(kind);
  ObjectRef queue = ObjectRef::create(kind);
  ObjectRef object = ObjectRef::create(kind);
  const ObjectName name = object.name();
  pin(queue, owner_of_object(outer.record()));
  pin(object, owner_of_object(queue.record()));
  object = {};
  queue = {};
  EXPECT_FALSE(is_gone(name));
  ForkedMember([] { return true; }).bury();
  EXPECT_FALSE(is_gone(name));
  outer = {};
  EXPECT_TRUE(is_gone(name));
}

struct Calls {
  std::atomic<int> repaired, woken, destroyed;
  std::atomic<std::uint64_t> dead;
};
Shared<Calls>& calls() {
  static auto& shared = *new Shared<Calls>;
  return shared;
}
void count_repair(ObjectRecord& record, Owner dead) noexcept {
  const RobustGuard guard(record.inner);
  if (guard.owner_died()) ++calls()->repaired;
  calls()->dead = dead.bits;
}
void count_wake(ObjectRecord&) noexcept { ++calls()->woken; }
void count_destroy(ObjectRecord&) noexcept { ++calls()->destroyed; }

TEST_F(ObjectsTest, ItsKindRepairsWakesAndDestroysIt) {
  set_kind_hooks(kind, {count_repair, count_wake, count_destroy});
  ObjectRef object = ObjectRef::create(kind);
  ForkedMember holder([&] {
    const RobustGuard guard(object.record().inner);
    ::raise(SIGKILL);
    return true;
  });
  holder.bury();
  EXPECT_EQ(calls()->repaired, 1);
  EXPECT_EQ(calls()->dead, holder.slot().bits);
  EXPECT_EQ(calls()->destroyed, 0);
  wake_all_objects();
  EXPECT_EQ(calls()->woken, 1);
  object = {};
  EXPECT_EQ(calls()->destroyed, 1);
  wake_all_objects();
  EXPECT_EQ(calls()->woken, 1);
}

TEST_F(ObjectsTest, ADestroyerThatDiesIsFollowedByAnother) {
  set_kind_hooks(kind, {nullptr, nullptr, [](ObjectRecord&) noexcept {
                          if (++calls()->destroyed == 1) ::raise(SIGKILL);
                        }});
  calls()->destroyed = 0;
  ForkedMember holder([] {
    const ObjectRef object = ObjectRef::create(kind);
    const Offset block = allocate(1000);
    set_owner(block, owner_of_object(object.record()));
    object.record().block = block;
    return true;
  });
  EXPECT_FALSE(holder.bury());
  EXPECT_EQ(calls()->destroyed, 2);
  EXPECT_EQ(used(), 0U);
}

TEST_F(ObjectsTest, SaysThatThereAreTooMany) {
  std::vector<ObjectRef> all;
  EXPECT_THROW(
      {
        for (;;) all.push_back(ObjectRef::create(kind));
      },
      ArenaFull);
  EXPECT_GT(all.size(), max_objects / 2);
  all.pop_back();
  all.push_back(ObjectRef::create(kind));
}

TEST_F(ObjectsTest, ThreadsCopyAndDropReferences) {
  const ObjectName name = [] {
    ObjectRef shared = ObjectRef::create(kind);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([shared] {
        for (int i = 0; i < 5000; ++i) {
          ObjectRef copy = shared;
          copy = ObjectRef::acquire(shared.name(), kind, 0);
          const ObjectRef other = ObjectRef::create(kind);
        }
      });
    }
    for (std::thread& each : threads) each.join();
    return shared.name();
  }();
  EXPECT_TRUE(is_gone(name));
}

}  // namespace
}  // namespace royong::memory
