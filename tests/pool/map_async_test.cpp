// SPDX-License-Identifier: Apache-2.0
// map_async and starmap_async: one future for many chunks, by every start method.
#include <gmock/gmock.h>

#include <numeric>
#include <sstream>

#include "memory/arena.hpp"
#include "pool/functions.hpp"
#include "pool/small_arena.hpp"
#include "process/every_start_method.hpp"
#include "royong/bind_front.hpp"
#include "royong/event.hpp"
#include "royong/pool.hpp"
#include "royong/queue.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int> numbers(int n) {
  std::vector<int> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<int> squares(int n) {
  std::vector<int> all = numbers(n);
  for (int& x : all) x *= x;
  return all;
}

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

class MapAsync : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
};

TEST_P(MapAsync, gives_all_results_in_order) {
  mp::Pool pool = make();
  const auto plain = pool.map_async(square, numbers(10000));
  const auto chunked = pool.map_async({.chunksize = 7}, square, numbers(100));
  const auto texts = pool.map_async([](const std::string& text) { return text.size(); },
                                    std::vector<std::string>{"a", "bb", "ccc"});
  const auto star =
      pool.starmap_async(repeat, std::vector<std::pair<std::string, int>>{{"ab", 2}, {"c", 3}});
  const auto empty = pool.map_async(square, std::vector<int>{});
  mp::Future<void> nothing = pool.map_async([](int) {}, numbers(100));
  EXPECT_EQ(plain.get(), squares(10000));
  EXPECT_EQ(plain.get(), squares(10000));
  EXPECT_EQ(chunked.get(), squares(100));
  EXPECT_THAT(texts.get(), ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(star.get(), ElementsAre("abab", "ccc"));
  EXPECT_TRUE(empty.get().empty());
  nothing.get();
  EXPECT_TRUE(nothing.successful());
}

TEST_P(MapAsync, of_a_range_that_is_gone_by_then) {
  mp::Pool pool = make(1);
  mp::Future<std::vector<int>> future;
  {
    std::istringstream input("1 2 3 4");
    future = pool.map_async(square, std::ranges::subrange(std::istream_iterator<int>(input),
                                                          std::istream_iterator<int>()));
  }
  EXPECT_THAT(future.get(), ElementsAre(1, 4, 9, 16));
}

TEST_P(MapAsync, fails_with_the_first_error_in_order_when_all_have_ended) {
  mp::Pool pool = make();
  const auto future = pool.map_async({.chunksize = 1}, throw_out_of_range, numbers(10));
  try {
    future.get();
    FAIL() << "nothing was thrown";
  } catch (const std::out_of_range& error) {
    EXPECT_THAT(error.what(), HasSubstr("no element 0"));
  }
  EXPECT_FALSE(future.successful());
  EXPECT_NE(future.exception(), nullptr);
  EXPECT_THROW(pool.map_async([](int x) { return x == 3 ? die() : x; }, numbers(8)).get(),
               mp::WorkerDied);
  EXPECT_EQ(pool.map_async(square, numbers(5)).get(), squares(5));
}

TEST_P(MapAsync, runs_callbacks_when_all_have_ended_and_nobody_waits) {
  mp::Pool pool = make();
  mp::Event told;
  const auto future = pool.map_async({.chunksize = 3}, square, numbers(50));
  future.add_done_callback([&](const mp::Future<std::vector<int>>& f) {
    if (f.get() == squares(50)) told.set();
  });
  EXPECT_TRUE(told.wait(20s));
  mp::Event again;
  future.add_done_callback([&](const auto&) { again.set(); });
  EXPECT_TRUE(again.wait(20s));
}

TEST_P(MapAsync, is_one_of_the_futures_that_as_completed_yields) {
  mp::Pool pool = make();
  std::vector<mp::Future<std::vector<int>>> futures;
  for (int i = 0; i < 5; ++i)
    futures.push_back(pool.map_async({.chunksize = 2}, square, numbers(i)));
  std::size_t elements = 0;
  for (auto& future : mp::as_completed(futures)) elements += future.get().size();
  EXPECT_EQ(elements, 10U);
  EXPECT_TRUE(mp::wait(futures).not_done.empty());
}

int announce_and_wait_for(const mp::Queue<int>& began, const mp::Event& go_on, int x) {
  began.put(x);
  go_on.wait();
  return x;
}

TEST_P(MapAsync, can_be_cancelled_before_it_begins_and_aborted_afterwards) {
  mp::Pool pool = make(1);
  const mp::Queue<int> began;
  const mp::Event go_on;
  const auto f = mp::bind_front(announce_and_wait_for, began, go_on);
  const auto running = pool.map_async({.chunksize = 1}, f, numbers(3));
  const auto pending = pool.map_async({.chunksize = 1}, f, numbers(3));
  began.get();
  EXPECT_TRUE(running.running());
  EXPECT_FALSE(running.cancel());
  EXPECT_EQ(running.progress().total, 3U);
  EXPECT_FALSE(pending.running());
  EXPECT_TRUE(pending.cancel());
  EXPECT_TRUE(pending.cancelled());
  EXPECT_THROW(pending.get(), mp::CancelledError);
  EXPECT_TRUE(running.abort(0s));
  EXPECT_THROW(running.get(), mp::CancelledError);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(MapAsync, may_be_dropped_and_its_pool_ended) {
  {
    mp::Pool pool = make();
    pool.map_async({.chunksize = 1}, square, numbers(100));
  }
  mp::Future<std::vector<int>> left;
  {
    mp::Pool pool = make(1);
    left = pool.map_async({.chunksize = 1}, sleep_ms, std::vector<int>(50, 60'000));
    pool.terminate();
  }
  EXPECT_THROW(left.get(), mp::CancelledError);
  {
    mp::Pool pool = make(2);
    left = pool.map_async(square, numbers(1000));
  }
  EXPECT_EQ(left.get(), squares(1000));
}

std::string enlarge(const std::string& text) { return std::string(10'000, text[0]); }

TEST_P(MapAsync, of_more_than_the_arena_holds_waits_for_the_first_chunks) {
  mp::Pool pool = make();
  EXPECT_EQ(pool.apply(square, 3), 9);
  const SmallArena small(4 << 20);
  {
    // In and out, 32 MiB of plain elements.
    const auto plain = pool.map_async(square, std::vector<int>(4 << 20, 3));
    EXPECT_EQ(plain.get(), std::vector<int>(4 << 20, 9));
    EXPECT_EQ(plain.get().size(), std::size_t{4} << 20);
    pool.map_async([](int) {}, std::vector<int>(4 << 20, 3)).get();
  }
  // Calls of 20 MB that are written, and results of 10 MB, which nobody reads before the end.
  const std::vector<std::string> texts(1000, std::string(20'000, 'x'));
  const auto enlarged = pool.map_async({.chunksize = 5}, enlarge, texts);
  EXPECT_EQ(enlarged.get(), std::vector<std::string>(1000, std::string(10'000, 'x')));
  EXPECT_EQ(pool.map({.chunksize = 5}, enlarge, texts), enlarged.get());
  EXPECT_THROW(
      pool.map_async(
              {.chunksize = 5},
              [](const std::string& text) -> int { throw std::domain_error(text.substr(0, 1)); },
              texts)
          .get(),
      std::domain_error);
  EXPECT_THROW(pool.map_async({.chunksize = 1000}, enlarge, texts), mp::ArenaFull);
}

struct Refused {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    if (value == 7) throw std::domain_error("not seven");
    archive(value);
  }
};

TEST_P(MapAsync, throws_at_once_what_encoding_throws) {
  mp::Pool pool = make();
  std::vector<Refused> all(20);
  all[15].value = 7;
  EXPECT_THROW(pool.map_async(
                   {.chunksize = 1}, [](const Refused& r) { return r.value; }, all),
               std::domain_error);
  EXPECT_THROW(
      pool.map({.chunksize = 1}, [](const Refused& r) { return r.value; }, all), std::domain_error);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

ROYONG_EVERY_START_METHOD(MapAsync);

TEST(MapAsync, in_this_process) {
  mp::Pool pool(1, {.inline_tasks = true});
  EXPECT_EQ(pool.map_async(square, numbers(10)).get(), squares(10));
  EXPECT_THROW(pool.map_async(throw_out_of_range, numbers(2)).get(), std::out_of_range);
}

}  // namespace
}  // namespace royong_test
