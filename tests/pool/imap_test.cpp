// SPDX-License-Identifier: Apache-2.0
// The lazy forms of map.
#include <gmock/gmock.h>

#include <iterator>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "royong/pool.hpp"
#include "support/waiting_thread.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

/// 0, 1, 2 ... without end; counts how many were read, and may throw at one of them.
struct Endless {
  int* read;
  int bad = -1;
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int* read;
    int bad;
    int at = 0;
    int operator*() const {
      if (at == bad) throw std::range_error("bad input");
      return at;
    }
    iterator& operator++() {
      ++at;
      ++*read;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return false; }
  };
  iterator begin() const { return {read, bad}; }
  std::default_sentinel_t end() const { return {}; }
};

TEST(Imap, yields_results_in_order) {
  mp::Pool pool(2);
  std::vector<int> results;
  for (auto& result : pool.imap(square, std::vector<int>{1, 2, 3, 4})) results.push_back(result);
  EXPECT_THAT(results, ElementsAre(1, 4, 9, 16));
  for (auto& result : pool.imap(square, std::vector<int>{})) FAIL() << result;
  results.clear();
  const std::vector<int> inputs{1, 2, 3, 4, 5};
  for (auto& result : pool.imap({.chunksize = 2}, square, inputs)) results.push_back(result);
  EXPECT_THAT(results, ElementsAre(1, 4, 9, 16, 25));
}

TEST(Imap, reads_no_more_inputs_than_it_may) {
  mp::Pool pool(2);
  int read = 0;
  int taken = 0;
  for (auto& result : pool.imap({.buffersize = 10}, square, Endless{&read})) {
    EXPECT_EQ(result, taken * taken);
    EXPECT_LE(read, taken + 12);
    if (++taken == 200) break;
  }
}

TEST(Imap, an_error_stands_at_its_position_and_the_rest_follows) {
  mp::Pool pool(2);
  const auto odd_only = [](int x) {
    if (x % 2 == 0) throw std::invalid_argument("even");
    return x;
  };
  auto results = pool.imap(odd_only, std::vector<int>{1, 2, 3});
  auto result = results.begin();
  EXPECT_EQ(*result, 1);
  ++result;
  EXPECT_THROW(*result, std::invalid_argument);
  ++result;
  EXPECT_EQ(*result, 3);
  ++result;
  EXPECT_TRUE(result == results.end());
}

TEST(Imap, an_exception_of_the_input_stands_at_its_position) {
  mp::Pool pool(2);
  int read = 0;
  std::vector<int> results;
  EXPECT_THROW(
      {
        for (auto& result : pool.imap(square, Endless{&read, 3})) results.push_back(result);
      },
      std::range_error);
  EXPECT_THAT(results, ElementsAre(0, 1, 4));
}

TEST(Imap, unordered_yields_what_is_ready) {
  mp::Pool pool(2);
  const mp::Event open;
  const auto hold_the_first = mp::bind_front(
      [](const mp::Event& until, int x) { return x == 1 ? held(until, x) : x; }, open);
  std::vector<int> results;
  for (auto& result : pool.imap_unordered(hold_the_first, std::vector<int>{1, 2, 3})) {
    results.push_back(result);
    if (results.size() == 2) open.set();
  }
  EXPECT_EQ(results.back(), 1);
  EXPECT_THAT(results, UnorderedElementsAre(1, 2, 3));
}

/// Walks to the end. @return the results, and behind them the names of the exceptions that stand there
template <class Results>
std::vector<std::string> walk(Results&& results) {
  std::vector<std::string> all;
  for (auto result = results.begin(); result != results.end(); ++result) {
    try {
      all.push_back(std::to_string(*result));
    } catch (const mp::CancelledError&) {
      all.emplace_back("cancelled");
    } catch (const mp::UsageError& error) {
      all.emplace_back(error.what());
    }
  }
  return all;
}

/// Numbers without end; when some have been read, something happens.
template <class Happens>
struct Interrupted {
  Happens happens;
  int when;
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    const Interrupted* input;
    int at = 0;
    int operator*() const {
      if (at == input->when) input->happens();
      return at;
    }
    iterator& operator++() {
      ++at;
      return *this;
    }
    void operator++(int) { ++at; }
    bool operator==(std::default_sentinel_t) const { return false; }
  };
  iterator begin() const { return {this}; }
  std::default_sentinel_t end() const { return {}; }
};

constexpr auto pool_closed = "the pool is closed: it takes no more tasks";
constexpr auto pool_terminated = "the pool was terminated: it takes no more tasks";

TEST(Imap, of_a_pool_that_is_closed_meanwhile_yields_all_that_was_taken_and_then_says_so) {
  {
    mp::Pool pool(2);
    const Interrupted inputs{[&] { pool.close(); }, 3};
    EXPECT_THAT(walk(pool.imap({.buffersize = 5}, square, inputs)),
                ElementsAre("0", "1", "4", pool_closed));
  }
  {
    mp::Pool pool(2);
    const Interrupted inputs{[&] { pool.close(); }, 3};
    auto all = walk(pool.imap_unordered({.buffersize = 5}, square, inputs));
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all.back(), pool_closed);
    all.pop_back();
    EXPECT_THAT(all, UnorderedElementsAre("0", "1", "4"));
    EXPECT_TRUE(pool.join());
    EXPECT_THROW(pool.imap(square, std::vector<int>{1}), mp::UsageError);
  }
}

TEST(Imap, of_a_pool_that_is_terminated_meanwhile_says_of_each_element_that_it_was_cancelled) {
  const auto check = [](auto imap) {
    mp::Pool pool(1);
    const mp::Event never;
    const auto stuck = mp::bind_front(held, never);
    const Interrupted inputs{[&] { pool.terminate(); }, 3};
    EXPECT_THAT(walk(imap(pool, stuck, inputs)),
                ElementsAre("cancelled", "cancelled", "cancelled", pool_terminated));
  };
  check([](mp::Pool& pool, const auto& f, const auto& inputs) {
    return pool.imap({.buffersize = 5}, f, inputs);
  });
  check([](mp::Pool& pool, const auto& f, const auto& inputs) {
    return pool.imap_unordered({.buffersize = 5}, f, inputs);
  });
}

int begin_and_wait(const mp::Event& began, const mp::Event& until, int value) {
  began.set();
  return held(until, value);
}

TEST(Imap, is_woken_when_its_pool_is_terminated) {
  for (const bool ordered : {true, false}) {
    mp::Pool pool(1);
    const mp::Event began, never;
    const auto stuck = mp::bind_front(begin_and_wait, began, never);
    const std::vector<int> inputs{1};
    WaitingThread walker([&] {
      EXPECT_THAT(
          ordered ? walk(pool.imap(stuck, inputs)) : walk(pool.imap_unordered(stuck, inputs)),
          ElementsAre("cancelled"));
    });
    began.wait();
    walker.until_asleep();
    pool.terminate();
  }
}

TEST(Imap, may_be_left_early) {
  mp::Pool pool(2);
  int read = 0;
  for (auto& result : pool.imap_unordered(square, Endless{&read})) {
    EXPECT_GE(result, 0);
    break;
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
  EXPECT_THROW(pool.imap({.buffersize = -1}, square, Endless{&read}), mp::UsageError);
}

}  // namespace
}  // namespace royong_test
