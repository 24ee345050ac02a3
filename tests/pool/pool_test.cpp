// SPDX-License-Identifier: Apache-2.0
// What a pool returns, by every start method.
#include "royong/pool.hpp"

#include <gmock/gmock.h>

#include <array>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/bind_front.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class PoolResults : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
};

std::string join(const std::string& a, std::string_view b, int n) {
  return a + std::string(b) + std::to_string(n);
}

struct Scale {
  double factor;
  double operator()(double x) const { return factor * x; }
};

struct Point {
  std::string name;
  std::vector<int> at;
  bool operator==(const Point&) const = default;
};
Point moved(Point point, int by) {
  for (int& x : point.at) x += by;
  return point;
}
std::unique_ptr<int> boxed(int x) { return std::make_unique<int>(x); }

TEST_P(PoolResults, come_back_from_apply) {
  mp::Pool pool = make();
  EXPECT_EQ(pool.apply(square, 7), 49);
  EXPECT_EQ(pool.apply(join, "a", "b", 3), "ab3");
  EXPECT_EQ(pool.apply([](int x) { return x + 1; }, 1), 2);
  EXPECT_EQ(pool.apply(Scale{2.5}, 4.0), 10.0);
  EXPECT_EQ(pool.apply(mp::bind_front(join, std::string("x"), "y"), 1), "xy1");
  EXPECT_EQ(pool.apply(moved, Point{"p", {1, 2}}, 3), (Point{"p", {4, 5}}));
  pool.apply(nothing);
}

TEST_P(PoolResults, come_from_other_processes) {
  mp::Pool pool = make(3);
  std::set<int> pids;
  for (int i = 0; i < 200; ++i) pids.insert(pool.apply(own_pid));
  EXPECT_FALSE(pids.contains(own_pid()));
  EXPECT_LE(pids.size(), 3U);
}

TEST_P(PoolResults, of_futures_can_be_had_in_any_order_and_more_than_once) {
  mp::Pool pool = make();
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 3000; ++i) futures.push_back(pool.apply_async(square, i));
  for (int i = 2999; i >= 0; --i) {
    const auto& future = futures[static_cast<std::size_t>(i)];
    ASSERT_EQ(future.get(), i * i);
    ASSERT_EQ(future.result(), i * i);
    EXPECT_TRUE(future.done() && future.ready() && future.successful());
    EXPECT_FALSE(future.running() || future.cancelled());
  }
}

TEST_P(PoolResults, of_map_are_in_order) {
  mp::Pool pool = make();
  std::vector<int> numbers(10007);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto squares = pool.map(square, numbers);
  ASSERT_EQ(squares.size(), numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(squares[i], square(numbers[i]));
}

TEST_P(PoolResults, of_map_over_anything) {
  mp::Pool pool = make();
  EXPECT_THAT(pool.map(square, std::vector<int>{}), ElementsAre());
  EXPECT_THAT(pool.map(square, std::list<int>{1, 2, 3}), ElementsAre(1, 4, 9));
  EXPECT_THAT(pool.map(square, std::set<int>{3, 2}), ElementsAre(4, 9));
  EXPECT_THAT(pool.map(square, std::array<int, 2>{5, 6}), ElementsAre(25, 36));
  EXPECT_THAT(pool.map([](const std::string& s) { return s.size(); },
                       std::deque<std::string>{"a", "bcd", ""}),
              ElementsAre(1U, 3U, 0U));
  EXPECT_THAT(pool.map([](std::string_view s) { return std::string(s) + "!"; },
                       std::vector<std::string>{"a", "b"}),
              ElementsAre("a!", "b!"));
  EXPECT_THAT(pool.map([](int x) { return x % 2 == 0; }, std::vector<int>{1, 2, 4}),
              ElementsAre(false, true, true));
  EXPECT_THAT(pool.map([](bool x) { return !x; }, std::vector<bool>{true, false}),
              ElementsAre(false, true));
  pool.map([](int) {}, std::vector<int>{1, 2, 3});
}

TEST_P(PoolResults, of_map_do_not_depend_on_the_chunks) {
  mp::Pool pool = make();
  const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7};
  for (const int chunksize : {1, 2, 3, 7, 100}) {
    EXPECT_THAT(pool.map({.chunksize = chunksize}, square, numbers),
                ElementsAre(1, 4, 9, 16, 25, 36, 49));
    EXPECT_THAT(pool.map({.chunksize = chunksize, .task = {.retries = 1}}, square, numbers),
                ElementsAre(1, 4, 9, 16, 25, 36, 49));
  }
}

TEST_P(PoolResults, of_starmap) {
  mp::Pool pool = make();
  const std::vector<std::tuple<std::string, std::string, int>> calls{{"a", "b", 1}, {"c", "d", 2}};
  EXPECT_THAT(pool.starmap(join, calls), ElementsAre("ab1", "cd2"));
  EXPECT_THAT(pool.starmap([](int a, int b) { return a * b; }, std::map<int, int>{{1, 2}, {3, 4}}),
              ElementsAre(2, 12));
}

void mark(std::size_t begin, std::size_t end, const std::string& folder) {
  for (std::size_t i = begin; i < end; ++i) write_text(folder + std::to_string(i), "x");
}

TEST_P(PoolResults, of_parallel_for_cover_every_index) {
  mp::Pool pool = make();
  pool.parallel_for(23, mark, file("m"));
  for (int i = 0; i < 23; ++i) EXPECT_EQ(read_text(file("m") + std::to_string(i)), "x") << i;
  pool.parallel_for(0, mark, file("m"));
  // Arguments are converted as in a call, without a warning from the library's headers.
  pool.parallel_for(23, [](int begin, long end) {
    if (begin < 0 || end > 23) throw std::out_of_range("indices");
  });
}

TEST_P(PoolResults, that_can_only_be_moved_are_moved) {
  mp::Pool pool = make();
  const auto future = pool.apply_async(boxed, 5);
  EXPECT_EQ(*future.get(), 5);
  EXPECT_THROW(future.get(), mp::InvalidStateError);
  auto text = pool.apply_async(join, "a", "b", 1);
  const auto copy = text;
  EXPECT_EQ(std::move(text).get(), "ab1");
  EXPECT_THROW(copy.get(), mp::InvalidStateError);
}

TEST_P(PoolResults, and_arguments_of_any_size_cross) {
  mp::Pool pool = make();
  for (const std::size_t size : {0UL, 31UL, 8000UL, 9000UL, 70000UL, 16UL << 20, 40UL << 20}) {
    EXPECT_EQ(pool.apply(length, std::vector<char>(size)), size);
    EXPECT_EQ(pool.apply(make_bytes, size).size(), size);
  }
}

TEST_P(PoolResults, of_many_large_tasks_come_back_whole) {
  mp::Pool pool = make();
  std::vector<mp::Future<std::vector<char>>> futures;
  for (std::size_t i = 0; i < 200; ++i) futures.push_back(pool.apply_async(make_bytes, i * 1500));
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(futures[i].get().size(), i * 1500);
}

TEST_P(PoolResults, exceptions_keep_type_text_and_traceback) {
  mp::Pool pool = make();
  try {
    pool.apply(throw_out_of_range, 3);
    FAIL() << "nothing was thrown";
  } catch (const std::out_of_range& error) {
    EXPECT_STREQ(error.what(), "no element 3");
    try {
      std::rethrow_if_nested(error);
      FAIL() << "nothing is nested";
    } catch (const mp::RemoteError& remote) {
      EXPECT_EQ(remote.type_name(), "std::out_of_range");
    }
  }
  EXPECT_THROW(pool.apply([] { throw 5; }), mp::RemoteError);
  const auto future = pool.apply_async(throw_out_of_range, 1);
  EXPECT_NE(future.exception(), nullptr);
  EXPECT_FALSE(future.successful());
  EXPECT_EQ(pool.apply_async(square, 1).exception(), nullptr);
  EXPECT_THROW(pool.map(throw_out_of_range, std::vector<int>{1, 2, 3}), std::out_of_range);
  EXPECT_EQ(pool.apply(square, 2), 4);
}

TEST_P(PoolResults, of_a_pool_inside_a_worker) {
  mp::Pool pool = make(1);
  const auto inner = [](int x) {
    mp::Pool nested(2);
    const auto squares = nested.map(square, std::vector<int>{x, x + 1});
    return squares[0] + squares[1];
  };
  EXPECT_EQ(pool.apply(inner, 3), 25);
}

TEST_P(PoolResults, reach_every_one_of_many_threads) {
  mp::Pool pool = make();
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::vector<mp::Future<int>> futures;
      for (int i = 0; i < 300; ++i) futures.push_back(pool.apply_async(square, t * 1000 + i));
      for (int i = 0; i < 300; ++i) {
        const int x = t * 1000 + i;
        right += futures[static_cast<std::size_t>(i)].get() == x * x ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 8 * 300);
}

std::string initialized;  // NOLINT: what an initializer leaves in its process
void remember(const std::string& text) { initialized = text; }

TEST_P(PoolResults, see_what_the_initializer_did) {
  mp::Pool pool = make(2, {.initializer = mp::bind_front(remember, "ready")});
  EXPECT_EQ(pool.apply([] { return initialized; }), "ready");
}

TEST_P(PoolResults, of_workers_that_are_recycled) {
  mp::Pool pool = make(1, {.maxtasksperchild = 3});
  std::map<int, int> tasks;
  for (int i = 0; i < 12; ++i) ++tasks[pool.apply(own_pid)];
  EXPECT_EQ(tasks.size(), 4U);
  for (const auto& [pid, count] : tasks) EXPECT_EQ(count, 3);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.apply_async(square, i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
}

TEST_P(PoolResults, of_an_executor) {
  mp::ProcessPoolExecutor executor(2, {.start_method = GetParam()});
  const auto future = executor.submit(square, 6);
  EXPECT_EQ(future.result(), 36);
  EXPECT_THAT(executor.map(square, std::vector<int>{1, 2}), ElementsAre(1, 4));
  executor.shutdown();
  executor.shutdown();
  EXPECT_THROW(executor.submit(square, 1), mp::UsageError);
}

ROYONG_EVERY_START_METHOD(PoolResults);

TEST(InlinePool, runs_tasks_in_this_process) {
  mp::Pool pool(1, {.inline_tasks = true});
  EXPECT_EQ(pool.apply(own_pid), own_pid());
  EXPECT_THROW(pool.apply(throw_out_of_range, 1), std::out_of_range);
  EXPECT_THAT(pool.map(square, std::vector<int>{1, 2, 3}), ElementsAre(1, 4, 9));
}

TEST(PoolContext, makes_pools_of_its_method) {
  auto pool = mp::get_context(mp::StartMethod::spawn).pool<>(1);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST(PoolSize, is_the_number_of_processors_by_default) {
  EXPECT_EQ(mp::Pool().size(), mp::cpu_count());
}

TEST(PoolSize, can_be_changed) {
  mp::Pool pool(1);
  pool.resize(3);
  EXPECT_EQ(pool.size(), 3);
  EXPECT_THAT(pool.map({.chunksize = 1}, square, std::vector<int>{1, 2, 3, 4, 5}),
              ElementsAre(1, 4, 9, 16, 25));
  pool.resize(1);
  EXPECT_EQ(pool.apply(square, 2), 4);
  EXPECT_THROW(pool.resize(0), mp::UsageError);
}

}  // namespace
}  // namespace royong_test
