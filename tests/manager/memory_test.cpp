// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What strangers may make a manager's process hold, and what happens to those who want more.
 */
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>     // for std::array
#include <chrono>    // for std::chrono_literals
#include <cstdint>   // for std::uint64_t
#include <new>       // for std::bad_alloc
#include <optional>  // for std::optional
#include <sstream>   // for std::istringstream
#include <string>    // for std::string
#include <vector>    // for std::vector

#include "manager/memory.hpp"
#include "manager/memory_limit.hpp"
#include "manager/parked.hpp"
#include "os/files.hpp"
#include "os/limits.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using mp::manager::MemoryLimit;
using Texts = mp::ManagerList<std::string>;

TEST(MemoryLimitTest, is_what_the_process_holds_not_what_was_asked_for) {
  ::malloc_trim(0);  // as the limit does
  MemoryLimit limit(mp::os::own_memory() + 64 * MiB);
  EXPECT_FALSE(limit.is_full());
  EXPECT_LE(limit.left_for(1), 64 * MiB);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_GT(limit.left_for(MiB), 0U);  // of what came before nothing was kept
  }
  limit.require(MiB);
  EXPECT_THROW_MESSAGE(limit.require(65 * MiB), mp::UsageError, "ManagerLimits::memory");
  const std::string kept(80 * MiB, 'x');
  EXPECT_EQ(limit.left_for(kept.size()), 0U);
  EXPECT_TRUE(limit.is_full());
  EXPECT_THROW(limit.require(1), mp::UsageError);
}

TEST(MemoryLimitTest, may_be_none) {
  MemoryLimit limit(MemoryLimit::none);
  EXPECT_EQ(limit.left_for(~std::uint64_t{0}), MemoryLimit::none);
  limit.require(~std::uint64_t{0});
  EXPECT_FALSE(limit.is_full());
}

TEST(MemoryLimitTest, is_less_than_the_machine_s_memory_unless_it_is_said) {
  MemoryLimit limit(0);
  EXPECT_FALSE(limit.is_full());
  EXPECT_LT(limit.left_for(1), mp::os::total_memory());
}

std::uint64_t held_by(const mp::Manager& manager) {
  return manager.value<int>(0).update([](int&) { return mp::os::own_memory(); });
}

/// A manager that may hold little more than it does, an object in it, and two strangers.
struct FullManager : testing::Test {
  static std::uint64_t limit() { return held_by(mp::Manager()) + room; }
  mp::Manager connect() const { return mp::Manager::connect({.address = server.address()}); }

  /// Appends until that is refused.
  void fill(const Texts& list) const {
    for (std::uint64_t i = 0; i < 4 * room / text.size(); ++i) {
      try {
        list.append(text);
      } catch (const mp::UsageError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("ManagerLimits::memory"));
        return;
      }
    }
    ADD_FAILURE() << "everything was taken";
  }

  static constexpr std::uint64_t room = 32 * MiB;
  const std::string text = std::string(2 * MiB, 'x');
  const std::string much =
      std::string(room / 2, 'x');  ///< more than there is room for after `fill`
  const mp::Manager server = mp::Manager::serve({.limits = {.memory = limit()}});
  const Texts texts = server.list<std::string>();
  const mp::Manager greedy = connect();
  const mp::Manager neighbour = connect();
};

TEST_F(FullManager, refuses_what_would_make_it_hold_more_and_nothing_else) {
  server.publish("texts", texts);
  server.publish("lock", server.lock());
  const auto jobs = server.queue<std::string>();
  server.publish("jobs", jobs);
  jobs.put("job");
  const auto lock = neighbour.find<mp::ManagerLock>("lock");
  lock.acquire();
  fill(greedy.find<Texts>("texts"));
  EXPECT_LT(held_by(server), limit() + room);

  const auto theirs = neighbour.find<Texts>("texts");
  EXPECT_THROW(theirs.append(much), mp::UsageError);
  EXPECT_THROW(theirs.insert(0, much), mp::UsageError);
  EXPECT_THROW(neighbour.list<std::string>({much}), mp::UsageError);
  EXPECT_EQ(theirs.at(0).size(), text.size());
  lock.release();
  const auto their_jobs = neighbour.find<mp::ManagerQueue<std::string>>("jobs");
  EXPECT_THROW(their_jobs.put(much), mp::UsageError);
  EXPECT_EQ(their_jobs.get(), "job");

  texts.append("of the family");
  EXPECT_EQ(theirs.pop(), "of the family");
  theirs.clear();
  EXPECT_TRUE(texts.empty());
  if (!gives_memory_back) return;
  eventually([&] {
    try {
      theirs.append(much);
      return true;
    } catch (const mp::UsageError&) {
      return false;
    }
  });
}

TEST_F(FullManager, is_so_no_longer_when_who_filled_it_is_gone) {
  if (!gives_memory_back) GTEST_SKIP() << "the sanitizer keeps what is freed";
  {
    const auto other = connect();
    const auto theirs = other.list<std::string>();
    fill(theirs);
    EXPECT_THROW(neighbour.list<std::string>({much}), mp::UsageError);
  }
  eventually([&] {
    try {
      return neighbour.list<std::string>({much}).valid();
    } catch (const mp::UsageError&) {
      return false;
    }
  });
}

TEST_F(FullManager, refuses_a_repetition_that_would_be_too_long_before_it_begins) {
  server.publish("texts", texts);
  texts.extend({std::string(MiB / 4, 'a'), "b"});
  auto theirs = greedy.find<Texts>("texts");
  EXPECT_THROW_MESSAGE(theirs *= 1'000'000, mp::UsageError, "ManagerLimits::memory");
  EXPECT_THROW(theirs *= std::int64_t{1} << 60, mp::UsageError);
  EXPECT_EQ(texts.size(), 2U);
  theirs *= 2;
  EXPECT_EQ(texts.size(), 4U);
  texts.clear();
  theirs *= std::int64_t{1} << 60;  // of nothing
  EXPECT_TRUE(texts.empty());
}

TEST_F(FullManager, refuses_an_array_that_would_be_too_long) {
  if (!gives_memory_back) GTEST_SKIP() << "the sanitizer keeps what is freed";
  EXPECT_THROW_MESSAGE(greedy.array<std::int64_t>(std::size_t{1} << 30), mp::UsageError,
                       "ManagerLimits::memory");
  EXPECT_THROW(greedy.array<std::int64_t>(std::size_t{1} << 61), mp::UsageError);
  EXPECT_EQ(greedy.array<std::int64_t>(1000).size(), 1000U);
}

TEST_F(FullManager, refuses_arguments_that_are_longer_than_their_bytes) {
  using Pages = mp::ManagerList<std::optional<std::array<char, 4096>>>;
  const auto pages = greedy.make_proxy<Pages>();
  const auto extend = [&](std::size_t count) {
    pages.extend(std::vector<Pages::value_type>(count));
  };
  EXPECT_THROW_MESSAGE(extend(room / 2048), mp::TransferError,
                       "needs more memory than its reader may use: 16384 elements");
  EXPECT_THROW_MESSAGE(extend(room / 2048), mp::TransferError, "see ManagerLimits::memory");
  EXPECT_TRUE(pages.empty());
  extend(10);  // the session goes on
  EXPECT_EQ(pages.size(), 10U);
}

/// The most that the process ever had in memory.
std::uint64_t peak(int&) {
  std::istringstream lines(mp::os::read_file("/proc/self/status"));
  std::uint64_t kilobytes = 0;
  for (std::string word; word != "VmHWM:"; lines >> word) {
  }
  lines >> kilobytes;
  return kilobytes << 10;
}

TEST_F(FullManager, takes_a_message_for_which_there_is_no_memory_without_keeping_it) {
  server.publish("texts", texts);
  const auto theirs = greedy.find<Texts>("texts");
  const auto value = server.value<int>(0);
  const auto before = value.update(peak);
  EXPECT_THROW_MESSAGE(theirs.append(std::string(8 * room, 'x')), mp::UsageError,
                       "ManagerLimits::memory");
  EXPECT_LT(value.update(peak), before + 4 * room);
  EXPECT_TRUE(texts.empty());
  EXPECT_EQ(theirs.size(), 0U);  // the session goes on
}

TEST_F(FullManager, needs_memory_for_an_answer_that_is_longer_than_what_is_kept) {
  const auto strict = mp::Manager::serve({.limits = {.unread = MiB, .memory = limit()}});
  const auto long_texts = strict.list<std::string>(std::vector(16, std::string(3 * MiB, 'x')));
  strict.publish("texts", long_texts);
  const auto client = mp::Manager::connect({.address = strict.address()});
  const auto theirs = client.find<Texts>("texts");
  EXPECT_THROW_MESSAGE(theirs.copy(), mp::UsageError, "ManagerLimits::memory");
  EXPECT_EQ(theirs.size(), 16U);
  EXPECT_EQ(long_texts.copy().size(), 16U);  // of the family
}

TEST_F(FullManager, owes_all_strangers_together_little_more_than_it_may_hold) {
  if (!gives_memory_back) GTEST_SKIP() << "the sanitizer keeps what is freed";
  const auto strict = mp::Manager::serve({.limits = {.unread = 8 * MiB, .memory = limit()}});
  const auto long_texts = strict.list<std::string>(std::vector(4, std::string(MiB, 'x')));
  strict.publish("texts", long_texts);
  const auto value = strict.value<int>(0);
  const auto before = value.update(peak);
  // None of them reads what it asked for.
  std::vector<mp::Manager> silent;
  std::vector<mp::Future<std::vector<std::string>>> copies;
  for (int i = 0; i < 60; ++i) {
    silent.push_back(mp::Manager::connect({.address = strict.address()}));
    const Parked<Texts> theirs(silent.back().find<Texts>("texts"));
    copies.push_back(theirs.start<&Texts::ServedClass::copy>());
  }
  const auto client = mp::Manager::connect({.address = strict.address()});
  const auto theirs = client.find<Texts>("texts");
  EXPECT_EQ(theirs.copy().size(), 4U);
  EXPECT_LT(value.update(peak), before + 3 * room);
  int dropped = 0;
  for (auto& copy : copies) {
    try {
      EXPECT_EQ(copy.get().size(), 4U);
    } catch (const mp::EndOfFile&) {
      ++dropped;
    }
  }
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, 60);
  EXPECT_EQ(theirs.copy().size(), 4U);
}

TEST(ManagerMemory, an_answer_may_be_longer_than_what_is_kept_for_those_who_do_not_read) {
  const auto server = mp::Manager::serve({.limits = {.unread = MiB}});
  const auto texts = server.list<std::string>({std::string(5 * MiB, 'x')});
  server.publish("texts", texts);
  EXPECT_EQ(texts.at(0).size(), 5 * MiB);
  const auto client = mp::Manager::connect({.address = server.address()});
  const auto theirs = client.find<Texts>("texts");
  EXPECT_EQ(theirs.at(0).size(), 5 * MiB);
  EXPECT_EQ(theirs.at(0).size(), 5 * MiB);
}

TEST(ManagerMemory, what_an_operation_cannot_get_is_its_caller_s_exception) {
  if (!gives_memory_back)
    GTEST_SKIP() << "a sanitizer's allocator ends the program where others throw";
  const mp::Manager manager;
  const auto value = manager.value<int>(1);
  EXPECT_THROW(value.update([](int&) { return std::vector<char>(std::size_t{1} << 50).size(); }),
               std::bad_alloc);
  EXPECT_EQ(value.get(), 1);
}

TEST(ManagerMemory, strangers_start_no_processes) {
  const auto server = mp::Manager::serve({});
  server.publish("pool", server.pool(1));
  const auto stranger = mp::Manager::connect({.address = server.address()});
  EXPECT_THROW_MESSAGE(stranger.pool(100'000), mp::UsageError, "own program alone");
  EXPECT_THROW_MESSAGE(stranger.find<mp::ManagerPool>("pool"), mp::TransferError,
                       "own program alone");
  EXPECT_EQ(server.find<mp::ManagerPool>("pool").size(), 1);
}

}  // namespace
}  // namespace royong_test
