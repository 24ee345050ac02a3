// SPDX-License-Identifier: Apache-2.0
#include "royong/mapreduce.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <functional>
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

}  // namespace
}  // namespace royong_test
