// SPDX-License-Identifier: Apache-2.0
// Results while the arena has no room for them: they come in pieces, through the ring.
#include <signal.h>

#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memory/objects.hpp"
#include "pool/functions.hpp"
#include "pool/small_arena.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "royong/queue.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;

class FullArenaResults : public EveryStartMethod {
 protected:
  /// With all workers at work: a start needs some room.
  mp::Pool make(int processes = 1) {
    mp::Pool pool(processes, {.start_method = GetParam()});
    std::vector<mp::Future<int>> started;
    for (int i = 0; i < processes; ++i) started.push_back(pool.apply_async(sleep_ms, 1));
    for (const auto& one : started) one.get();
    return pool;
  }
};

/// Of this length, and of which no two pieces are alike.
std::string numbered(std::size_t length) {
  std::string text;
  for (std::size_t i = 0; text.size() < length; ++i) text += std::to_string(i) + ' ';
  text.resize(length);
  return text;
}

TEST_P(FullArenaResults, come_whole_whatever_their_length) {
  mp::Pool pool = make();
  const FullArena full;
  const std::size_t piece = std::size_t{128 << 10} / 8;
  for (const std::size_t length : {std::size_t{20'000}, piece - 9, piece - 8, piece - 7, 2 * piece,
                                   2 * piece - 16, 2 * piece - 15, std::size_t{1'000'000}})
    EXPECT_EQ(pool.apply(numbered, length), numbered(length)) << length;
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(FullArenaResults, that_nobody_reads_may_be_more_than_the_arena_holds) {
  mp::Pool pool = make(2);
  const SmallArena small(4 << 20);
  std::vector<mp::Future<std::string>> all;
  for (std::size_t i = 0; i < 40; ++i) all.push_back(pool.apply_async(numbered, 500'000 + i));
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(all[i].get(), numbered(500'000 + i));
}

TEST_P(FullArenaResults, that_nobody_reads_leave_room_for_calls) {
  mp::Pool pool = make(2);
  const SmallArena small(8 << 20);
  std::vector<mp::Future<std::string>> all;
  for (std::size_t i = 0; i < 20; ++i) all.push_back(pool.apply_async(numbered, 500'000));
  mp::wait(all);
  const std::vector<std::string> texts(8, numbered(1'000'000));
  const auto length = [](const std::string& text) { return text.size(); };
  EXPECT_EQ(pool.map({.chunksize = 1}, length, texts), std::vector<std::size_t>(8, 1'000'000));
  for (const auto& one : all) EXPECT_EQ(one.get(), numbered(500'000));
}

TEST_P(FullArenaResults, find_their_way_past_calls_that_fill_the_arena) {
  mp::Pool pool = make(2);
  const SmallArena small(4 << 20);
  const std::vector<std::string> texts(30, numbered(900'000));
  const auto same = [](const std::string& text) { return text; };
  EXPECT_EQ(pool.map({.chunksize = 1}, same, texts), texts);
  EXPECT_EQ(pool.map_async({.chunksize = 1}, same, texts).get(), texts);
}

TEST_P(FullArenaResults, do_not_hold_up_what_is_behind_them) {
  mp::Pool pool = make();
  mp::Queue<int> queue;
  const FullArena full;
  const auto large = pool.apply_async(numbered, 1'000'000);
  const auto put = pool.apply_async([](mp::Queue<int> to) { to.put(7); }, queue);
  EXPECT_EQ(queue.get(), 7);  // nobody waits for the pool meanwhile
  EXPECT_EQ(large.get(), numbered(1'000'000));
  put.get();
}

TEST_P(FullArenaResults, bring_their_handles) {
  mp::Pool pool = make();
  mp::Lock lock;
  const auto before = mp::memory::live_objects();
  {
    const FullArena full;
    const auto [same, text] =
        pool.apply([](mp::Lock it) { return std::pair(std::move(it), numbered(200'000)); }, lock);
    EXPECT_EQ(text, numbered(200'000));
    const std::scoped_lock guard(same);
    EXPECT_FALSE(lock.try_lock());
  }
  eventually([&] { return mp::memory::live_objects() == before; });
}

TEST_P(FullArenaResults, may_be_exceptions) {
  mp::Pool pool = make();
  const FullArena full;
  try {
    pool.apply([]() -> int { throw std::domain_error(numbered(100'000)); });
    FAIL() << "nothing was thrown";
  } catch (const std::domain_error& error) {
    EXPECT_EQ(error.what(), numbered(100'000));
  }
}

TEST_P(FullArenaResults, end_with_a_pool_that_is_terminated) {
  mp::Future<std::string> large;
  {
    mp::Pool pool = make();
    const FullArena full;
    large = pool.apply_async(numbered, 1'000'000);
    pool.terminate();
    pool.join();
  }
  EXPECT_THROW(large.get(), mp::CancelledError);
}

TEST_P(FullArenaResults, of_a_task_that_is_aborted_are_dropped) {
  mp::Pool pool = make();
  const FullArena full;
  const auto large = pool.apply_async(numbered, 1'000'000);
  large.abort(0s);
  EXPECT_THROW(large.get(), mp::CancelledError);
}

TEST_P(FullArenaResults, come_whole_or_not_at_all_if_the_worker_is_killed_at_a_random_instant) {
  mp::Pool pool = make();
  const std::string expected = numbered(400'000);
  std::mt19937 random(std::random_device{}());
  int lost = 0;
  const FullArena full(std::size_t{300} << 10);  // for new workers, and less than the result
  for (int round = 0; round < 20; ++round) {
    const pid_t worker = pool.apply(own_pid);
    const auto large = pool.apply_async(numbered, expected.size());
    std::jthread killer([&, delay = std::chrono::microseconds(random() % 3000)] {
      std::this_thread::sleep_for(delay);
      ::kill(worker, SIGKILL);
    });
    try {
      EXPECT_EQ(large.get(), expected);
    } catch (const mp::WorkerDied&) {
      ++lost;
    }
  }
  RecordProperty("lost", lost);
}

ROYONG_EVERY_START_METHOD(FullArenaResults);

}  // namespace
}  // namespace royong_test
