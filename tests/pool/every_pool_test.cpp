// SPDX-License-Identifier: Apache-2.0
// What all pools and executors do alike, whatever their workers are.
#include <gmock/gmock.h>

#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <ranges>

#include "pool/functions.hpp"
#include "royong/mapreduce.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

template <class P>
class EveryPool : public testing::Test {
 protected:
  P pool{2};
};
using Kinds =
    testing::Types<mp::Pool, mp::ProcessPoolExecutor, mp::ThreadPool, mp::ThreadPoolExecutor>;
TYPED_TEST_SUITE(EveryPool, Kinds);

std::unique_ptr<int> boxed_number(int x) { return std::make_unique<int>(x); }

struct Crate {
  std::string label;
  std::vector<std::unique_ptr<int>> items;
};
Crate packed(int x) {
  Crate crate{"crate", {}};
  crate.items.push_back(boxed_number(x));
  return crate;
}

TYPED_TEST(EveryPool, has_the_whole_map_family) {
  const std::vector<int> inputs{1, 2, 3, 4};
  const std::vector<std::pair<int, int>> pairs{{1, 2}, {3, 4}};
  const auto add = [](int a, int b) { return a + b; };
  EXPECT_THAT(this->pool.map(square, inputs), ElementsAre(1, 4, 9, 16));
  EXPECT_THAT(this->pool.map({.chunksize = 3}, square, std::list<int>{1, 2}), ElementsAre(1, 4));
  EXPECT_THAT(this->pool.map_async(square, inputs).get(), ElementsAre(1, 4, 9, 16));
  EXPECT_THAT(this->pool.map_async({.chunksize = 1}, square, std::views::iota(1, 3)).get(),
              ElementsAre(1, 4));
  EXPECT_THAT(this->pool.starmap(add, pairs), ElementsAre(3, 7));
  EXPECT_THAT(this->pool.starmap({.chunksize = 1}, add, pairs), ElementsAre(3, 7));
  EXPECT_THAT(this->pool.starmap_async(add, pairs).get(), ElementsAre(3, 7));
  EXPECT_THAT(this->pool.starmap_async({.chunksize = 1}, add, pairs).get(), ElementsAre(3, 7));
  std::vector<int> results;
  for (int& result : this->pool.imap(square, inputs)) results.push_back(result);
  for (int& result : this->pool.imap({.chunksize = 2}, square, inputs | std::views::take(2)))
    results.push_back(result);
  EXPECT_THAT(results, ElementsAre(1, 4, 9, 16, 1, 4));
  results.clear();
  for (int& result : this->pool.imap_unordered(square, inputs)) results.push_back(result);
  for (int& result : this->pool.imap_unordered({.buffersize = 1}, square, std::views::iota(5))) {
    results.push_back(result);
    break;
  }
  EXPECT_THAT(results, UnorderedElementsAre(1, 4, 9, 16, 25));
}

TYPED_TEST(EveryPool, starmap_takes_whatever_is_a_tuple) {
  const auto subtract = [](int a, int b) { return a - b; };
  EXPECT_THAT(this->pool.starmap(subtract, std::vector<std::pair<int, int>>{{5, 3}}),
              ElementsAre(2));
  EXPECT_THAT(this->pool.starmap(subtract, std::vector<std::tuple<int, short>>{{5, 3}}),
              ElementsAre(2));
  EXPECT_THAT(this->pool.starmap(subtract, std::vector<std::array<int, 2>>{{5, 3}, {1, 9}}),
              ElementsAre(2, -8));
  EXPECT_THAT(this->pool.starmap_async(subtract, std::vector<std::array<int, 2>>{{5, 3}}).get(),
              ElementsAre(2));
}

TYPED_TEST(EveryPool, results_that_only_move_are_moved_also_out_of_containers) {
  const auto boxes = this->pool.map(boxed_number, std::vector<int>{1, 2});
  EXPECT_EQ(*boxes[1], 2);
  const auto later = this->pool.map_async(boxed_number, std::vector<int>{1, 2});
  EXPECT_EQ(*later.get()[1], 2);
  EXPECT_THROW(later.get(), mp::InvalidStateError);
  const auto crates = this->pool.map_async(packed, std::vector<int>{7});
  EXPECT_EQ(*crates.get()[0].items[0], 7);
  EXPECT_THROW(crates.get(), mp::InvalidStateError);
}

TYPED_TEST(EveryPool, runs_a_map_reduce) {
  const std::vector<std::string> lines{"a b a", "b", "", "a"};
  const auto words = mp::map_reduce<std::string, long>(
      this->pool, lines,
      [](const std::string& line, mp::Emitter<std::string, long>& out) {
        for (const char c : line) {
          if (c != ' ') out(std::string(1, c), 1);
        }
      },
      std::plus<>(), {.chunksize = 1});
  EXPECT_THAT(words, UnorderedElementsAre(std::pair("a", 3), std::pair("b", 2)));
  EXPECT_TRUE((mp::map_reduce<int, int>(
                   this->pool, std::vector<int>{}, [](int, auto&) {}, std::plus<>())
                   .empty()));
  EXPECT_THROW((mp::map_reduce<int, int>(
                   this->pool, std::vector<int>{1, 2},
                   [](int x, auto&) {
                     if (x == 2) throw std::domain_error("two");
                   },
                   std::plus<>())),
               std::domain_error);
}

TYPED_TEST(EveryPool, refuses_counts_below_zero) {
  const std::vector<int> inputs{1};
  EXPECT_THROW(this->pool.map({.chunksize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.map_async({.chunksize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.imap({.chunksize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.imap_unordered({.buffersize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.map({.buffersize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.map_async({.buffersize = -1}, square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.map({.task = {.retries = -1}}, square, inputs), mp::UsageError);
  EXPECT_THROW(TypeParam(-1), mp::UsageError);
}

template <class P>
void close(P& pool) {
  if constexpr (requires { pool.close(); }) {
    pool.close();
  } else {
    pool.shutdown();
  }
}

TEST(ParallelFor, refuses_a_negative_count_and_takes_any_integer) {
  mp::Pool processes(1);
  mp::ThreadPool threads(1);
  const auto nothing = [](std::size_t, std::size_t) {};
  EXPECT_THROW(processes.parallel_for(-1, nothing), mp::UsageError);
  EXPECT_THROW(threads.parallel_for({.chunksize = 2}, -1L, nothing), mp::UsageError);
  std::vector<int> seen(10);
  const auto mark = [&](std::size_t begin, std::size_t end) {
    for (; begin != end; ++begin) ++seen[begin];
  };
  threads.parallel_for(5, mark);
  threads.parallel_for(seen.size(), mark);
  EXPECT_THAT(seen, ElementsAre(2, 2, 2, 2, 2, 1, 1, 1, 1, 1));
}

TYPED_TEST(EveryPool, that_is_closed_refuses_every_form_before_it_reads_anything) {
  close(this->pool);
  const std::vector<int> none;
  const std::vector<std::pair<int, int>> no_pairs;
  const auto add = [](int a, int b) { return a + b; };
  EXPECT_THROW(this->pool.map(square, none), mp::UsageError);
  EXPECT_THROW(this->pool.map_async(square, none), mp::UsageError);
  EXPECT_THROW(this->pool.starmap(add, no_pairs), mp::UsageError);
  EXPECT_THROW(this->pool.starmap_async(add, no_pairs), mp::UsageError);
  EXPECT_THROW(this->pool.imap(square, none), mp::UsageError);
  EXPECT_THROW(this->pool.imap_unordered(square, std::views::iota(0)), mp::UsageError);
  EXPECT_THROW((mp::map_reduce<int, int>(
                   this->pool, none, [](int, auto&) {}, std::plus<>())),
               mp::UsageError);
}

TYPED_TEST(EveryPool, that_was_moved_away_says_so) {
  const TypeParam other = std::move(this->pool);
  const std::vector<int> inputs{1};
  EXPECT_THROW(this->pool.map(square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.map_async(square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.imap(square, inputs), mp::UsageError);
  EXPECT_THROW(this->pool.size(), mp::UsageError);
  EXPECT_EQ(other.size(), 2);
}

TEST(ThreadMapReduce, takes_callables_with_captures) {
  mp::ThreadPool pool(2);
  const std::vector<int> weights{3, 5};
  int combined = 0;
  std::mutex mutex;
  const auto sums = mp::map_reduce<bool, int>(
      pool, std::vector<int>{1, 2, 3, 4},
      [&weights](int x, auto& out) {
        for (const int weight : weights) out(x % 2 == 0, x * weight);
      },
      [&](int a, int b) {
        const std::lock_guard lock(mutex);
        ++combined;
        return a + b;
      });
  EXPECT_THAT(sums, UnorderedElementsAre(std::pair(true, 48), std::pair(false, 32)));
  EXPECT_EQ(combined, 6);
}

}  // namespace
}  // namespace royong_test
