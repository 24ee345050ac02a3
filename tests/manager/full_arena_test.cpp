// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A call for which the arena has no memory is ArenaFull, and is all that fails.
 */
#include <gtest/gtest.h>

#include <string>   // for std::string
#include <utility>  // for std::pair
#include <vector>   // for std::vector

#include "manager/memory.hpp"
#include "pool/small_arena.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

namespace mp = royong;

std::string too_long() { return std::string(16 * MiB, 'x'); }

TEST(ManagerInAFullArena, refuses_an_argument_for_which_there_is_no_memory) {
  const mp::Manager manager;
  const auto texts = manager.dict<int, std::string>();
  texts.set(1, "short");
  {
    const SmallArena small(8 * MiB);
    EXPECT_THROW(texts.set(2, too_long()), mp::ArenaFull);
    EXPECT_EQ(texts.size(), 1U);
    auto longer = texts.set_async(3, too_long());
    auto shorter = texts.set_async(4, "short");
    EXPECT_THROW(longer.get(), mp::ArenaFull);
    shorter.get();
  }
  texts.set(5, too_long());
  EXPECT_EQ(texts.keys(), (std::vector{1, 4, 5}));
}

TEST(ManagerInAFullArena, refuses_an_answer_for_which_there_is_no_memory) {
  const mp::Manager manager;
  const auto texts = manager.dict<int, std::string>();
  texts.set(1, too_long());
  texts.set(2, "short");
  {
    const SmallArena small(8 * MiB);
    EXPECT_THROW(texts.at(1), mp::ArenaFull);
    EXPECT_EQ(texts.at(2), "short");
    auto longer = texts.get_async(1);
    auto shorter = texts.get_async(2);
    EXPECT_EQ(shorter.get(), "short");
    EXPECT_THROW(longer.get(), mp::ArenaFull);
  }
  EXPECT_EQ(texts.at(1).size(), too_long().size());
}

TEST(ManagerInAFullArena, keeps_no_object_for_a_call_that_was_refused) {
  const auto manager = mp::Manager::serve({.limits = {.objects = 2}});
  using Inner = mp::ManagerList<int>;
  const auto outer = manager.dict<int, std::pair<Inner, std::string>>();
  {
    const SmallArena small(8 * MiB);
    EXPECT_THROW(outer.set(1, {manager.list<int>(), too_long()}), mp::ArenaFull);
  }
  outer.set(1, {[&] {
                  for (;;) {
                    try {
                      return manager.list<int>();
                    } catch (const mp::UsageError&) {
                      continue;  // the manager has not seen the end of the other one
                    }
                  }
                }(),
                too_long()});
  {
    const SmallArena small(8 * MiB);
    EXPECT_THROW(outer.at(1), mp::ArenaFull);
  }
  outer.clear();
  eventually([&] {
    try {
      return manager.list<int>().empty();
    } catch (const mp::UsageError&) {
      return false;
    }
  });
}

}  // namespace
}  // namespace royong_test
