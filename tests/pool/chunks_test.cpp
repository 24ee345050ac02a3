// SPDX-License-Identifier: Apache-2.0
// How large the chunks of a map become.
#include "royong/detail/chunks.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>

#include "pool/functions.hpp"
#include "royong/bind_front.hpp"
#include "royong/event.hpp"
#include "royong/pool.hpp"
#include "royong/queue.hpp"

namespace royong_test {
namespace {

using royong::detail::ChunkSizer;
namespace mp = royong;

constexpr std::size_t no_limit = ~std::size_t{0};

/// Hands everything out; each element takes so many nanoseconds.
std::vector<std::size_t> sizes(ChunkSizer sizer, double each) {
  std::vector<std::size_t> all;
  while (const std::size_t n = sizer.next()) {
    all.push_back(n);
    sizer.learn(n, static_cast<std::int64_t>(each * static_cast<double>(n)));
  }
  return all;
}

std::size_t sum(const std::vector<std::size_t>& all) {
  return std::accumulate(all.begin(), all.end(), std::size_t{0});
}

TEST(ChunkSize, of_long_elements_is_one) {
  const auto all = sizes(ChunkSizer(200, 0, 2, no_limit), 20e6);
  EXPECT_EQ(all, std::vector<std::size_t>(200, 1));
}

TEST(ChunkSize, of_tiny_elements_grows_to_a_millisecond_and_shrinks_at_the_end) {
  const auto all = sizes(ChunkSizer(10'000'000, 0, 2, no_limit), 100);
  EXPECT_EQ(sum(all), 10'000'000U);
  EXPECT_EQ(all.front(), 1024U);
  EXPECT_EQ(*std::ranges::max_element(all), 10'000U);
  EXPECT_LT(all.back(), 1000U);
  EXPECT_LT(all.size(), 1200U);
}

TEST(ChunkSize, at_the_end_leaves_nobody_a_long_rest) {
  const auto all = sizes(ChunkSizer(1000, 0, 4, no_limit), 1e5);
  // The last one is at most the 50 us that a chunk is worth; here an element takes more.
  EXPECT_EQ(all.back(), 1U);
  std::size_t left = 1000;
  for (const std::size_t n : all) {
    EXPECT_LE(n, std::max<std::size_t>(left / 8, 1)) << left;
    left -= n;
  }
}

TEST(ChunkSize, believes_at_once_that_elements_have_become_longer) {
  ChunkSizer sizer(100'000'000, 0, 1, no_limit);
  for (int i = 0; i < 6; ++i) {
    const std::size_t n = sizer.next();
    sizer.learn(n, static_cast<std::int64_t>(n));
  }
  EXPECT_GT(sizer.next(), 100'000U);
  sizer.learn(1, 1'000'000);
  EXPECT_EQ(sizer.next(), 1U);
}

TEST(ChunkSize, that_was_asked_for_is_given) {
  const auto all = sizes(ChunkSizer(10, 4, 2, no_limit), 5);
  EXPECT_EQ(all, (std::vector<std::size_t>{4, 4, 2}));
}

TEST(ChunkSize, covers_all_elements_once_whatever_is_measured) {
  EXPECT_TRUE(rc::check("every element once", [] {
    const auto elements = *rc::gen::inRange<std::size_t>(0, 100'000);
    const auto limit = *rc::gen::inRange<std::size_t>(1, 50'000);
    ChunkSizer sizer(elements, *rc::gen::element(0, 0, 0, 1, 7, 200'000), *rc::gen::inRange(1, 9),
                     limit);
    if (*rc::gen::arbitrary<bool>()) sizer.do_not_learn();
    const auto times = *rc::gen::container<std::vector<std::int64_t>>(
        rc::gen::inRange<std::int64_t>(0, 1'000'000'000));
    std::size_t all = 0;
    for (std::size_t i = 0; const std::size_t n = sizer.next(); ++i) {
      all += n;
      RC_ASSERT(all <= elements);
      if (i < times.size()) sizer.learn(n, times[i]);
    }
    RC_ASSERT(all == elements);
  }));
}

int wait_for_the_others(const mp::Queue<int>& others, const mp::Event& all_done, int x) {
  if (x == 0) {
    all_done.wait();
  } else {
    others.put(x);
    if (others.qsize() == 199) all_done.set();
  }
  return x;
}

/// One element that takes as long as all others together: nobody waits behind it.
TEST(MapChunks, behind_a_long_element_go_on_elsewhere) {
  mp::Pool pool(2);
  const mp::Queue<int> others;
  const mp::Event all_done;
  std::vector<int> numbers(200);
  std::iota(numbers.begin(), numbers.end(), 0);
  EXPECT_EQ(
      pool.map({.chunksize = 1}, mp::bind_front(wait_for_the_others, others, all_done), numbers),
      numbers);
}

TEST(MapChunks, of_handles_and_strings_grow_too) {
  mp::Pool pool(2);
  const std::vector<std::string> texts(20'000, "some text that is longer than a small string");
  const auto lengths = pool.map([](const std::string& text) { return text.size(); }, texts);
  EXPECT_EQ(lengths, std::vector<std::size_t>(20'000, texts[0].size()));
  const mp::PoolStats stats = pool.stats();
  EXPECT_LT(stats.submitted, 2000U);  // far fewer tasks than elements
}

}  // namespace
}  // namespace royong_test
