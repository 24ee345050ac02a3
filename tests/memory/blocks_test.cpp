// SPDX-License-Identifier: Apache-2.0
#include "memory/blocks.hpp"

#include <sys/stat.h>

#include <cstring>  // for std::memset
#include <memory>   // for std::unique_ptr
#include <random>   // for std::mt19937
#include <thread>   // for std::thread
#include <vector>   // for std::vector

#include "family.hpp"
#include "patterned.hpp"

namespace royong::memory {
namespace {

using royong_test::ForkedMember;
using royong_test::Patterned;
using royong_test::Quota;
using royong_test::Shared;

class BlocksTest : public royong_test::MemoryTest {};

TEST_F(BlocksTest, HoldWhatWasAskedForAlignedAndApart) {
  std::vector<Patterned> blocks;
  for (std::size_t bytes = 0; bytes < 300'000; bytes = bytes * 5 / 4 + 1) {
    blocks.emplace_back(bytes);
    EXPECT_GE(block(blocks.back().offset()).size(), bytes);
    EXPECT_EQ(blocks.back().offset() % 64, 0U);
    if (bytes > largest_small) {
      EXPECT_EQ(blocks.back().offset() % 4096, 0U);
    }
    EXPECT_EQ(owner_of(blocks.back().offset()), self());
  }
  for (const Patterned& each : blocks) EXPECT_TRUE(each.intact());
  for (Patterned& each : blocks) each.free();
  EXPECT_EQ(used(), 0U);
}

TEST_F(BlocksTest, EachClassFillsItsSlab) {
  for (const SlabShape& shape : slab_shapes) {
    EXPECT_LE(shape.data + shape.count * shape.size, page_size);
    EXPECT_GE(shape.data, shape.count * 8);
    EXPECT_EQ(slab_shapes[class_for(shape.size)].size, shape.size);
    const Offset first = allocate(shape.size);
    EXPECT_EQ(block(first).size(), shape.size);
    free_block(first);
  }
}

TEST_F(BlocksTest, RefuseToBeFreedTwice) {
  for (const std::size_t bytes : {1U, 5000U, 30'000U, 70'000U}) {
    const Offset live = allocate(bytes);
    free_block(live);
    EXPECT_THROW(free_block(live), TransferError);
    EXPECT_THROW(block(live), TransferError);
    EXPECT_THROW(set_owner(live, self()), TransferError);
    EXPECT_THROW(owner_of(live), TransferError);
  }
}

TEST_F(BlocksTest, RefuseEveryOffsetButTheirBeginning) {
  const std::vector<Offset> live{allocate(64), allocate(1000), allocate(20'000), allocate(200'000)};
  for (const Offset each : live) {
    const std::size_t size = block(each).size();
    for (std::size_t inside = 1; inside < size; inside += inside < 200 ? 1 : 61) {
      EXPECT_THROW(free_block(each + inside), TransferError);
    }
  }
  for (const Offset wild : {Offset{0}, Offset{1}, mapping.pages - 64, mapping.size - page_size,
                            mapping.size, ~Offset{0}, Offset{1} << 63}) {
    EXPECT_THROW(free_block(wild), TransferError);
    EXPECT_THROW(block(wild), TransferError);
  }
  for (const Offset each : live) free_block(each);
}

TEST_F(BlocksTest, ThatLieInsideALargerOneNowAreRefused) {
  const Offset first = allocate(page_size);
  const Offset second = allocate(page_size);
  free_block(first);
  free_block(second);
  const Offset both = allocate(2 * page_size);
  EXPECT_THROW(block(both == first ? second : first), TransferError);
  free_block(both);
}

TEST_F(BlocksTest, BelongToWhoeverTheyAreHandedTo) {
  for (const std::size_t bytes : {100U, 100'000U}) {
    Shared<std::atomic<Offset>> given;
    ForkedMember giver([&] {
      *given = allocate(bytes);
      std::memset(block(*given).data(), 7, bytes);
      allocate(bytes);  // dies with it
      return true;
    });
    EXPECT_TRUE(giver.wait());
    EXPECT_EQ(owner_of(*given), giver.slot());
    set_owner(*given, self());
    giver.bury();
    EXPECT_EQ(owner_of(*given), self());
    EXPECT_EQ(block(*given)[bytes - 1], std::byte{7});
    free_block(*given);
    EXPECT_EQ(used(), 0U);
  }
}

TEST_F(BlocksTest, CannotBelongToNobody) {
  const Offset live = allocate(1);
  EXPECT_THROW(set_owner(live, Owner{}), UsageError);
  free_block(live);
}

TEST_F(BlocksTest, OfTheFamilySurviveEverySweep) {
  Shared<std::atomic<Offset>> kept;
  ForkedMember member([&] {
    *kept = allocate(100);
    set_owner(*kept, family);
    return true;
  });
  member.bury();
  EXPECT_EQ(owner_of(*kept), family);
  free_block(*kept);
}

TEST_F(BlocksTest, OfTheDeadAreFreedWhereverTheyLie) {
  const Offset ours = allocate(100);
  ForkedMember member([&] {
    set_owner(ours, self());
    for (const std::size_t bytes : {1U, 3000U, 100'000U, 5'000'000U}) allocate(bytes);
    ::raise(SIGKILL);
    return true;
  });
  member.bury();
  EXPECT_THROW(block(ours), TransferError);
  EXPECT_EQ(used(), 0U);
}

TEST_F(BlocksTest, AnOrphanedSlabIsAdopted) {
  Shared<std::atomic<Offset>> kept;
  ForkedMember member([&] {
    *kept = allocate(10'000);
    return true;
  });
  member.wait();
  set_owner(*kept, self());
  member.bury();
  EXPECT_EQ(used(), page_size);
  const Offset beside = allocate(10'000);
  EXPECT_EQ(used(), page_size) << "beside the block that survived";
  free_block(beside);
  free_block(*kept);
  EXPECT_EQ(used(), 0U);
}

TEST_F(BlocksTest, AtTheQuotaNothingChanges) {
  const Quota quota(arena_usage().used + 4 * page_size);
  EXPECT_THROW(allocate(5 * page_size), ArenaFull);
  const Offset large = allocate(3 * page_size);
  const ArenaUsage before = arena_usage();
  EXPECT_THROW(allocate(2 * page_size), ArenaFull);
  EXPECT_EQ(arena_usage().used, before.used);
  EXPECT_EQ(royong_test::page_problems(), "");
  const Offset last = allocate(page_size);
  EXPECT_THROW(allocate(1), ArenaFull);
  free_block(last);
  free_block(allocate(1));
  free_block(large);
  EXPECT_THROW(allocate(~std::size_t{0}), ArenaFull);
  EXPECT_THROW(allocate(std::size_t{1} << 40), ArenaFull);
}

TEST_F(BlocksTest, SmallOnesFillTheQuotaToTheLastAndCanBeFreedAndTakenAgain) {
  const Quota quota(arena_usage().used + 3 * page_size);
  std::vector<Offset> blocks;
  const auto fill = [&] {
    try {
      for (;;) blocks.push_back(allocate(1000));
    } catch (const ArenaFull&) {
    }
  };
  fill();
  const std::size_t all = blocks.size();
  EXPECT_EQ(all, 3U * slab_shapes[class_for(1000)].count);
  free_block(blocks[5]);
  free_block(blocks[100]);
  blocks.erase(blocks.begin() + 100);
  blocks.erase(blocks.begin() + 5);
  fill();
  EXPECT_EQ(blocks.size(), all) << "the last free ones are found";
  for (const Offset each : blocks) free_block(each);
}

TEST_F(BlocksTest, UnderPressureTheEmptySlabsOfOthersAreTaken) {
  const Quota quota(arena_usage().used + 8 * page_size);
  Shared<std::atomic<int>> stage;
  ForkedMember idle([&] {
    std::vector<Offset> blocks;
    for (int i = 0; i < 300; ++i) blocks.push_back(allocate(1000));
    for (const Offset each : blocks) free_block(each);
    *stage = 1;
    while (*stage != 2) ::usleep(200);
    free_block(allocate(1000));  // finds out that its slabs are gone
    return true;
  });
  while (*stage != 1) ::usleep(200);
  EXPECT_GT(arena_usage().used, 4 * page_size);
  const Offset large = allocate(7 * page_size);
  *stage = 2;
  EXPECT_TRUE(idle.bury());
  free_block(large);
}

std::uint64_t resident() {
  struct stat status{};
  ::fstat(arena_fd(), &status);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST_F(BlocksTest, FreedPagesStayWarmUpToAWatermarkAndThenGoBack) {
  constexpr std::uint64_t mega = 1 << 20;
  const Quota quota(std::max(arena_usage().used + 256 * mega, 512 * mega));
  std::vector<Offset> blocks;
  for (int i = 0; i < 24; ++i) {
    blocks.push_back(allocate(5 * mega));
    std::memset(block(blocks.back()).data(), 1, 5 * mega);
  }
  const std::uint64_t full = resident();
  EXPECT_GE(full, 120 * mega);
  for (const Offset each : blocks) free_block(each);
  EXPECT_LE(arena_usage().warm, 64 * mega);
  EXPECT_LE(resident(), full - 55 * mega);
  const std::uint64_t before = resident();
  const Offset again = allocate(5 * mega);
  std::memset(block(again).data(), 1, 5 * mega);
  EXPECT_EQ(resident(), before) << "a warm run is taken first";
  free_block(again);
}

TEST_F(BlocksTest, ALargeBlockSpansFreeRunsOfBothKinds) {
  constexpr std::uint64_t mega = 1 << 20;
  const Quota quota(arena_usage().used + 100 * mega);
  const Offset first = allocate(60 * mega);
  free_block(first);  // partly cooled
  EXPECT_EQ(royong_test::page_problems(), "");
  const Offset second = allocate(90 * mega);
  EXPECT_EQ(royong_test::page_problems(), "");
  free_block(second);
}

TEST_F(BlocksTest, ThreadsTakeAndFreeEachOthers) {
  constexpr int threads = 4;
  std::array<std::atomic<Offset>, 64> exchange{};
  std::atomic<int> wrong{0};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 20'000; ++i) {
        const std::size_t bytes = random() % 50 == 0 ? random() % 200'000 : random() % 3000;
        Patterned mine(bytes);
        Patterned other(exchange[random() % exchange.size()].exchange(mine.offset()), 0);
        if (other.offset() == 0) continue;
        if (!other.intact()) ++wrong;
        other.free();
      }
    });
  }
  for (std::thread& each : all) each.join();
  for (auto& each : exchange) {
    if (each != 0) free_block(each);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(used(), 0U);
}

TEST_F(BlocksTest, ProcessesTakeAndFreeEachOthers) {
  struct Exchange {
    std::array<std::atomic<Offset>, 64> at;
  };
  Shared<Exchange> exchange;
  std::vector<std::unique_ptr<ForkedMember>> members;
  for (unsigned m = 0; m < 3; ++m) {
    members.push_back(std::make_unique<ForkedMember>([&, m] {
      std::mt19937 random(m);
      bool right = true;
      for (int i = 0; i < 20'000; ++i) {
        Patterned mine(random() % 50 == 0 ? random() % 200'000 : random() % 3000);
        set_owner(mine.offset(), family);
        Patterned other(exchange->at[random() % exchange->at.size()].exchange(mine.offset()), 0);
        if (other.offset() == 0) continue;
        right = right && other.intact();
        other.free();
      }
      return right;
    }));
  }
  for (auto& each : members) EXPECT_TRUE(each->bury());
  for (auto& each : exchange->at) {
    if (each != 0) free_block(each);
  }
  EXPECT_EQ(used(), 0U);
}

}  // namespace
}  // namespace royong::memory
