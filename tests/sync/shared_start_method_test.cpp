// SPDX-License-Identifier: Apache-2.0
// Values and arrays of eight processes at once, in every start method.
#include <gtest/gtest.h>

#include <array>   // for std::array
#include <mutex>   // for std::scoped_lock
#include <vector>  // for std::vector

#include "process/every_start_method.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"

namespace royong {
namespace {

/// Five words: changed under the lock.
struct Large {
  std::array<long, 5> words{};
  friend Large operator+(Large a, const Large& b) {
    for (std::size_t i = 0; i < 5; ++i) a.words[i] += b.words[i];
    return a;
  }
};
/// Two words: changed by one instruction, where there is one.
struct Pair {
  long one = 0;
  long two = 0;
  friend Pair operator+(const Pair& a, const Pair& b) { return {a.one + b.one, a.two + b.two}; }
};

constexpr int rounds_of_each = 300;

void add(Value<int> n, Value<double> real, Value<Pair> pair, Value<Large> large, Array<short> array,
         RawArray<int> raw, Queue<Value<int>> back) {
  for (int i = 0; i < rounds_of_each; ++i) {
    n += 1;
    ++n;
    n.update([](int now) { return now + 1; });
    real += 0.25;
    pair += Pair{1, 2};
    large += Large{{1, 2, 3, 4, 5}};
    array[1] += 1;
    const std::scoped_lock guard(array.get_lock());
    raw[0] += 1;
  }
  back.put(n);
}

class SharedEveryStartMethod : public royong_test::EveryStartMethod {};
ROYONG_EVERY_START_METHOD(SharedEveryStartMethod);

TEST_P(SharedEveryStartMethod, what_eight_processes_add_adds_up) {
  constexpr int processes = 8;
  const Value<int> n;
  const Value<double> real;
  const Value<Pair> pair;
  const Value<Large> large;
  const Array<short> array(2);
  const RawArray<int> raw(1);
  const Queue<Value<int>> back;
  std::vector<Process> all;
  for (int i = 0; i < processes; ++i) {
    all.push_back(context().process(add, n, real, pair, large, array, raw, back));
    all.back().start();
  }
  for (auto& process : all) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  constexpr int total = processes * rounds_of_each;
  EXPECT_EQ(n.load(), 3 * total);
  EXPECT_EQ(real.load(), total * 0.25);
  EXPECT_EQ(pair.load().one, total);
  EXPECT_EQ(pair.load().two, 2 * total);
  EXPECT_EQ(large.load().words[4], 5 * total);
  EXPECT_EQ(array.load(1), total);
  EXPECT_EQ(raw[0], total);
  EXPECT_EQ(back.get().load(), n.load());
}

}  // namespace
}  // namespace royong
