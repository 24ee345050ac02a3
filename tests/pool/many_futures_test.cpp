// SPDX-License-Identifier: Apache-2.0
// as_completed, wait, gather, map_reduce.
#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <stdexcept>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "process/every_start_method.hpp"
#include "royong/event.hpp"
#include "royong/future.hpp"
#include "royong/mapreduce.hpp"
#include "royong/pool.hpp"
#include "support/chaos.hpp"
#include "support/random.hpp"
#include "support/waiting_thread.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(AsCompleted, yields_futures_as_their_tasks_end) {
  mp::Pool pool(2);
  std::vector<mp::Future<int>> futures;
  const mp::Event open;
  futures.push_back(pool.apply_async(held, open, 1));
  futures.push_back(pool.apply_async(square, 2));
  std::vector<int> order;
  for (auto& future : mp::as_completed(futures)) {
    order.push_back(future.get());
    open.set();
  }
  EXPECT_THAT(order, ElementsAre(4, 1));
}

TEST(AsCompleted, yields_each_task_once_and_of_any_pool) {
  mp::Pool a(1);
  mp::Pool b(1);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back((i % 2 == 0 ? a : b).apply_async(square, i));
  futures.push_back(futures.front());
  std::multiset<int> results;
  for (auto& future : mp::as_completed(futures)) results.insert(future.get());
  EXPECT_EQ(results.size(), 1000U);
  EXPECT_EQ(std::set<int>(results.begin(), results.end()).size(), 1000U);
}

TEST(AsCompleted, wakes_up_for_the_pool_it_does_not_drive) {
  mp::Pool a(1);
  mp::Pool b(1);
  const mp::Event open;
  const auto slow = a.apply_async(held, open, 1);
  const auto fast = b.apply_async(sleep_ms, 20);
  const std::vector<mp::Future<int>> futures{slow, fast};
  auto range = mp::as_completed(futures);
  EXPECT_EQ(range.begin()->get(), 20);
  EXPECT_FALSE(slow.done());
  open.set();
}

TEST(AsCompleted, gives_up_in_time) {
  mp::Pool pool(1);
  const mp::Event open;
  const std::vector<mp::Future<int>> futures{pool.apply_async(square, 2),
                                             pool.apply_async(held, open, 1)};
  futures[0].wait();
  int seen = 0;
  try {
    for (auto& future : mp::as_completed(futures, 100ms)) seen += future.get();
    FAIL() << "it waited";
  } catch (const mp::TimeoutError& error) {
    EXPECT_THAT(error.what(), HasSubstr("1 (of 2) futures unfinished"));
  }
  EXPECT_EQ(seen, 4);
  open.set();
}

TEST(AsCompleted, of_nothing_is_empty) {
  for (auto& future : mp::as_completed(std::vector<mp::Future<int>>{})) FAIL() << future.get();
}

int fail_when(const mp::Event& event) {
  event.wait();
  throw std::runtime_error("a test's");
}

TEST(Wait, returns_when_it_was_asked_to) {
  mp::Pool pool(3);
  const mp::Event fail, end;
  const std::vector<mp::Future<int>> futures{pool.apply_async(held, end, 1),
                                             pool.apply_async(fail_when, fail),
                                             pool.apply_async(square, 3)};
  const auto first = mp::wait(futures, mp::forever, mp::ReturnWhen::first_completed);
  EXPECT_EQ(first.done.size(), 1U);
  EXPECT_EQ(first.not_done.size(), 2U);
  fail.set();
  const auto failed = mp::wait(futures, mp::forever, mp::ReturnWhen::first_exception);
  EXPECT_EQ(failed.done.size(), 2U);
  EXPECT_EQ(mp::wait(futures, 10ms).not_done.size(), 1U);
  end.set();
  EXPECT_EQ(mp::wait(futures).done.size(), 3U);
}

TEST(Wait, counts_each_task_once) {
  mp::Pool pool(2);
  const mp::Event open;
  const auto fast = pool.apply_async(square, 2);
  const auto same = fast;
  const auto slow = pool.apply_async(held, open, 1);
  fast.wait();
  const auto now = mp::wait({slow, fast, same, slow, fast}, 0s);
  EXPECT_EQ(now.done.size(), 1U);
  EXPECT_EQ(now.not_done.size(), 1U);
  open.set();
  const auto then = mp::wait({slow, fast, same, slow});
  ASSERT_EQ(then.done.size(), 2U);
  EXPECT_EQ(then.done[0].get(), 1);
  EXPECT_EQ(then.done[1].get(), 4);
  EXPECT_TRUE(then.not_done.empty());
}

TEST(Wait, for_the_first_exception_takes_no_cancelled_task_for_one) {
  mp::Pool pool(1);
  const mp::Event open;
  const auto running = pool.apply_async(held, open, 1);
  const auto cancelled = pool.apply_async(square, 2);
  const auto later = pool.apply_async(square, 3);
  EXPECT_TRUE(cancelled.cancel());
  WaitingThread waiter([&] {
    const auto ended =
        mp::wait({running, cancelled, later}, mp::forever, mp::ReturnWhen::first_exception);
    EXPECT_EQ(ended.done.size(), 3U);
  });
  waiter.until_asleep();
  EXPECT_TRUE(later.cancel());
  waiter.until_asleep();
  open.set();
  waiter.join();
}

TEST(Gather, returns_all_values) {
  mp::Pool pool(2);
  const auto [number, nothing_at_all, bytes] = mp::gather(
      pool.apply_async(square, 3), pool.apply_async(nothing), pool.apply_async(make_bytes, 3UL));
  EXPECT_EQ(number, 9);
  EXPECT_EQ(nothing_at_all, std::monostate{});
  EXPECT_EQ(bytes.size(), 3U);
  EXPECT_THROW(mp::gather(pool.apply_async(die), pool.apply_async(square, 1)), mp::WorkerDied);
}

class MapReduce : public EveryStartMethod {};

void count_letters(const std::string& text, mp::Emitter<char, long>& out) {
  for (const char c : text) out(c, 1);
}

TEST_P(MapReduce, combines_in_the_workers_and_across_them) {
  mp::Pool pool(2, {.start_method = GetParam()});
  const std::vector<std::string> texts{"abc", "aab", "", "c"};
  EXPECT_THAT((mp::map_reduce<char, long>(pool, texts, count_letters, std::plus<>())),
              UnorderedElementsAre(Pair('a', 3), Pair('b', 2), Pair('c', 2)));
  EXPECT_THAT(
      (mp::map_reduce<char, long>(pool, std::vector<std::string>{}, count_letters, std::plus<>())),
      testing::IsEmpty());
}

TEST_P(MapReduce, gives_the_same_result_under_fire_with_retries) {
  // On a busy machine a spawned worker is often killed before it is ready: that is no reason to stop.
  mp::Pool pool(2, {.start_method = GetParam(), .restarts = {.count = 1'000'000}});
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i)
    texts.push_back(std::string(static_cast<std::size_t>(i % 50), static_cast<char>('a' + i % 7)));
  const auto quiet = mp::map_reduce<char, long>(pool, texts, count_letters, std::plus<>());
  auto rng = random_engine();
  KillStorm chaos(
      [&rng] {
        const auto workers = mp::active_children();
        return workers.empty() ? 0 : workers[rng() % workers.size()].pid();
      },
      {.longest = 30ms});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ((mp::map_reduce<char, long>(pool, texts, count_letters, std::plus<>(),
                                          {.task = {.retries = 1000}})),
              quiet);
  }
  chaos.stop();
}

TEST_P(MapReduce, fails_with_what_the_mapper_throws) {
  mp::ProcessPoolExecutor executor(2, {.start_method = GetParam()});
  const auto bad = [](int x, mp::Emitter<int, int>& out) {
    if (x == 3) throw std::invalid_argument("three");
    out(x, x);
  };
  EXPECT_THROW((mp::map_reduce<int, int>(executor, std::vector<int>{1, 2, 3}, bad, std::plus<>())),
               std::invalid_argument);
}

ROYONG_EVERY_START_METHOD(MapReduce);

}  // namespace
}  // namespace royong_test
