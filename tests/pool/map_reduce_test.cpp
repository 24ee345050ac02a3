// SPDX-License-Identifier: Apache-2.0
#include "royong/mapreduce.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using Counts = std::unordered_map<std::string, int>;

void count_words(const std::string& text, mp::Emitter<std::string, int>& out) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    out(text.substr(begin, end - begin), 1);
    begin = end + 1;
  }
}

int add(int a, int b) { return a + b; }

const std::vector<std::string> texts{"a b a", "b c", "", "a"};
const Counts expected{{"a", 3}, {"b", 2}, {"c", 1}};

TEST(MapReduce, combines_what_all_inputs_emitted) {
  mp::Pool pool(2);
  EXPECT_EQ((mp::map_reduce<std::string, int>(pool, texts, count_words, std::plus<>())), expected);
}

TEST(MapReduce, takes_functions_lambdas_and_bound_callables) {
  mp::Pool pool(2);
  EXPECT_EQ((mp::map_reduce<std::string, int>(pool, texts, count_words, add)), expected);
  EXPECT_EQ((mp::map_reduce<std::string, int>(pool, texts, &count_words, &add)), expected);
  EXPECT_EQ((mp::map_reduce<std::string, int>(
                pool, texts,
                [](const std::string& text, mp::Emitter<std::string, int>& out) {
                  count_words(text, out);
                },
                [](int a, int b) { return a + b; })),
            expected);
  const auto scaled = mp::map_reduce<std::string, int>(
      pool, texts,
      mp::bind_front(
          [](int factor, const std::string& text, mp::Emitter<std::string, int>& out) {
            out("length", factor * static_cast<int>(text.size()));
          },
          2),
      add);
  EXPECT_EQ(scaled, (Counts{{"length", 18}}));
}

TEST(MapReduce, runs_on_an_executor) {
  mp::ProcessPoolExecutor executor(2);
  EXPECT_EQ((mp::map_reduce<std::string, int>(executor, texts, count_words, add)), expected);
}

TEST(MapReduce, throws_what_a_mapper_threw) {
  mp::Pool pool(2);
  const auto refuse_c = [](const std::string& text, mp::Emitter<std::string, int>& out) {
    if (text.find('c') != text.npos) throw std::domain_error("no c, please");
    count_words(text, out);
  };
  EXPECT_THROW((mp::map_reduce<std::string, int>(pool, texts, refuse_c, add)), std::domain_error);
}

TEST(MapReduce, a_mapper_that_dies_fails_it_unless_it_is_retried) {
  mp::Pool pool(2);
  const auto die = [](const std::string&, mp::Emitter<std::string, int>&) { ::raise(SIGKILL); };
  EXPECT_THROW((mp::map_reduce<std::string, int>(pool, texts, die, add)), mp::WorkerDied);
  EXPECT_EQ((mp::map_reduce<std::string, int>(pool, texts, count_words, add)), expected);
}

/// Every input emits the same keys, and one that nobody else has.
struct EmitMany {
  int keys = 0;
  void operator()(int input, mp::Emitter<std::string, long>& out) const {
    for (int key = 0; key < keys; ++key) out("key number " + std::to_string(key), input);
    out("own " + std::to_string(input), 1);
  }
};

TEST(MapReduce, of_many_common_keys_is_combined_by_the_workers) {
  mp::Pool pool(2);
  std::vector<int> inputs(40);
  std::iota(inputs.begin(), inputs.end(), 0);
  constexpr int keys = 20'000;
  const auto sums = mp::map_reduce<std::string, long>(pool, inputs, EmitMany{keys}, std::plus<>(),
                                                      {.chunksize = 1});
  EXPECT_EQ(sums.size(), static_cast<std::size_t>(keys) + 40);
  for (int key = 0; key < keys; ++key)
    ASSERT_EQ(sums.at("key number " + std::to_string(key)), 780) << key;
  for (const int input : inputs) EXPECT_EQ(sums.at("own " + std::to_string(input)), 1);
  EXPECT_GT(pool.stats().submitted, 40U);  // there were tasks that merged
}

/// No key comes twice.
void emit_own(int input, mp::Emitter<long, int>& out) {
  for (long key = 0; key < 20'000; ++key) out(20'000L * input + key, 1);
}

TEST(MapReduce, of_many_keys_that_are_all_different) {
  mp::Pool pool(2);
  std::vector<int> inputs(24);
  std::iota(inputs.begin(), inputs.end(), 0);
  const auto all =
      mp::map_reduce<long, int>(pool, inputs, emit_own, std::plus<>(), {.chunksize = 1});
  EXPECT_EQ(all.size(), 24U * 20'000U);
}

int fail_to_combine(long a, long b) {
  throw std::length_error("cannot combine " + std::to_string(a + b));
}

TEST(MapReduce, throws_what_combine_threw) {
  mp::Pool pool(2);
  EXPECT_THROW((mp::map_reduce<std::string, long>(pool, std::vector<int>{1, 1}, EmitMany{3},
                                                  fail_to_combine, {.chunksize = 1})),
               std::length_error);
}

}  // namespace
}  // namespace royong_test
