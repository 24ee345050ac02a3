// SPDX-License-Identifier: Apache-2.0
// ThreadPool and ThreadPoolExecutor: Pool's members on threads.
#include "royong/thread_pool.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <latch>
#include <list>
#include <numeric>
#include <semaphore>
#include <set>
#include <thread>

#include "pool/functions.hpp"
#include "royong/future.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
namespace mp = royong;

TEST(ThreadPool, runs_any_callable_with_any_arguments) {
  mp::ThreadPool pool(2);
  int local = 5;
  int changed = 0;
  EXPECT_EQ(pool.apply([&](int x) { return local + x; }, 4), 9);
  pool.apply([](int& x) { x = 7; }, std::ref(changed));
  EXPECT_EQ(changed, 7);
  auto moved = pool.apply([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(3));
  EXPECT_EQ(*moved, 3);
  EXPECT_EQ(pool.apply(square, 6), 36);
  EXPECT_EQ(pool.apply(&std::string::size, std::string("four")), 4U);
  EXPECT_EQ(pool.apply(own_pid), ::getpid());
}

struct Own : std::runtime_error {
  using std::runtime_error::runtime_error;
  int extra = 17;
};

TEST(ThreadPool, exceptions_come_out_as_they_are) {
  mp::ThreadPool pool(1);
  const auto future = pool.apply_async([]() -> int { throw Own("mine"); });
  try {
    future.get();
    FAIL() << "nothing was thrown";
  } catch (const Own& error) {
    EXPECT_EQ(error.extra, 17);
  }
  EXPECT_THROW(pool.apply([] { throw 5; }), int);
  EXPECT_FALSE(future.successful());
}

TEST(ThreadPool, maps_over_any_range) {
  mp::ThreadPool pool(3);
  const int factor = 3;
  std::vector<int> numbers(10'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto triple = [&](int x) { return x * factor; };
  const auto results = pool.map(triple, numbers);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], 3 * i);
  const std::list<int> list{1, 2, 3};
  EXPECT_THAT(pool.map({.chunksize = 2}, triple, list), ElementsAre(3, 6, 9));
  EXPECT_THAT(pool.map_async(triple, list).get(), ElementsAre(3, 6, 9));
  EXPECT_TRUE(pool.map(triple, std::vector<int>{}).empty());
  const std::vector<std::tuple<int, std::string>> pairs{{2, "ab"}, {1, "c"}};
  const auto repeat = [](int n, const std::string& text) { return n == 2 ? text + text : text; };
  EXPECT_THAT(pool.starmap(repeat, pairs), ElementsAre("abab", "c"));
  EXPECT_THAT(pool.starmap_async(repeat, pairs).get(), ElementsAre("abab", "c"));
  std::vector<int> lazy;
  for (auto& x : pool.imap(triple, list)) lazy.push_back(x);
  EXPECT_THAT(lazy, ElementsAre(3, 6, 9));
  std::multiset<int> unordered;
  for (auto& x : pool.imap_unordered({.chunksize = 2}, triple, list)) unordered.insert(x);
  EXPECT_THAT(unordered, ElementsAre(3, 6, 9));
  std::atomic<std::size_t> covered{0};
  pool.parallel_for(12345, [&](std::size_t begin, std::size_t end) { covered += end - begin; });
  EXPECT_EQ(covered, 12345U);
  std::atomic<int> called{0};
  pool.map([&](int) { ++called; }, numbers);
  EXPECT_EQ(called, 10'000);
}

TEST(ThreadPool, a_failing_map_ends_after_its_last_chunk) {
  mp::ThreadPool pool(2);
  std::atomic<int> called{0};
  const std::vector<int> numbers(100, 1);
  EXPECT_THROW(pool.map(
                   {.chunksize = 10},
                   [&](int) -> int {
                     if (++called == 5) throw Own("fifth");
                     return 0;
                   },
                   numbers),
               Own);
  EXPECT_GE(called, 91);
}

TEST(ThreadPool, works_in_parallel) {
  mp::ThreadPool pool(3);
  std::barrier all(3);
  std::vector<mp::Future<void>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.apply_async([&] { all.arrive_and_wait(); }));
  for (const auto& future : futures) future.get();
}

TEST(ThreadPool, the_initializer_runs_in_each_thread_and_its_failure_breaks_the_pool) {
  static thread_local int prepared = 0;
  {
    mp::ThreadPool pool(2, [] { prepared = 9; });
    EXPECT_EQ(pool.apply([] { return prepared; }), 9);
  }
  mp::ThreadPool pool(2, [] { throw Own("no licence"); });
  try {
    pool.apply(square, 1);
    FAIL() << "the pool is not broken";
  } catch (const mp::BrokenProcessPool& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), Own);
  }
}

TEST(ThreadPool, terminate_cancels_what_has_not_begun_and_asks_what_runs) {
  mp::ThreadPool pool(1);
  std::latch began(1);
  std::atomic<bool> asked{false};
  const auto running = pool.apply_async([&] {
    began.count_down();
    while (!mp::this_task::stop_requested()) std::this_thread::sleep_for(1ms);
    asked = true;
    return 1;
  });
  std::vector<mp::Future<int>> pending;
  for (int i = 0; i < 50; ++i) pending.push_back(pool.apply_async(square, i));
  began.wait();
  pool.terminate();
  EXPECT_THROW(running.get(), mp::CancelledError);
  EXPECT_TRUE(asked);
  for (const auto& future : pending) EXPECT_TRUE(future.cancelled());
  EXPECT_TRUE(pool.join());
  EXPECT_THROW(pool.apply(square, 1), mp::UsageError);
}

TEST(ThreadPool, abort_asks_and_the_thread_is_replaced) {
  mp::ThreadPool pool(1);
  std::latch began(1);
  const auto running = pool.apply_async([&] {
    began.count_down();
    while (!mp::this_task::stop_requested()) std::this_thread::sleep_for(1ms);
  });
  const auto behind = pool.apply_async(square, 4);
  began.wait();
  EXPECT_TRUE(running.abort());
  EXPECT_THROW(running.get(), mp::CancelledError);
  EXPECT_EQ(behind.get(), 16);
  for (int i = 0; i < 20; ++i) {
    std::latch next(1);
    const auto again = pool.apply_async([&] {
      next.count_down();
      while (!mp::this_task::stop_requested()) std::this_thread::yield();
    });
    next.wait();
    EXPECT_TRUE(again.abort());
    again.wait();
  }
  EXPECT_EQ(pool.apply(square, 5), 25);
}

TEST(ThreadPool, tasks_that_never_ran_take_what_they_hold_with_them) {
  const auto held = std::make_shared<int>(1);
  {
    mp::ThreadPool pool(1);
    std::binary_semaphore gate(0);
    const auto first = pool.apply_async([&] { gate.acquire(); });
    for (int i = 0; i < 100; ++i) pool.apply_async([held] {});
    eventually([&] { return first.running(); });
    pool.terminate();
    gate.release();
    pool.join();
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(ThreadPool, time_limits_are_refused) {
  mp::ThreadPool pool(1);
  EXPECT_THROW(pool.apply({.timeout = 1s}, square, 1), mp::UsageError);
  EXPECT_EQ(pool.apply({.name = "named"}, square, 2), 4);
  EXPECT_THROW(mp::ThreadPool(-1), mp::UsageError);
}

TEST(ThreadPool, resizes_closes_and_counts) {
  mp::ThreadPool pool(1);
  pool.resize(3);
  EXPECT_EQ(pool.size(), 3);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(pool.apply_async(square, i));
  pool.resize(1);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  EXPECT_EQ(pool.stats().done, 1000U);
  pool.close();
  EXPECT_TRUE(pool.join());
}

TEST(ThreadPool, mixes_with_processes) {
  mp::ThreadPool threads(1);
  mp::Pool processes(1);
  std::vector<mp::Future<int>> futures{threads.apply_async(square, 2),
                                       processes.apply_async(square, 3)};
  std::multiset<int> results;
  for (auto& future : mp::as_completed(futures)) results.insert(future.get());
  EXPECT_THAT(results, ElementsAre(4, 9));
}

TEST(ThreadPool, progress_and_callbacks) {
  mp::ThreadPool pool(1);
  std::latch said(1), go_on(1);
  const auto future = pool.apply_async([&] {
    mp::this_task::progress(2, 8);
    said.count_down();
    go_on.wait();
    return 1;
  });
  said.wait();
  EXPECT_EQ(future.progress().done, 2U);
  EXPECT_EQ(future.progress().total, 8U);
  std::latch called(1);
  future.add_done_callback([&](const mp::Future<int>&) { called.count_down(); });
  go_on.count_down();
  called.wait();
}

TEST(ThreadPoolExecutor, submits_maps_and_shuts_down) {
  mp::ThreadPoolExecutor executor(2);
  const int local = 2;
  EXPECT_EQ(executor.submit([&](int x) { return x * local; }, 21).get(), 42);
  EXPECT_THAT(executor.map(square, std::vector<int>{1, 2, 3}), ElementsAre(1, 4, 9));
  EXPECT_EQ(executor.size(), 2);
  std::latch gate(1);
  std::vector<mp::Future<void>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(executor.submit([&] { gate.wait(); }));
  const auto count = [&](auto member) { return std::ranges::count_if(futures, member); };
  eventually([&] { return count(&mp::Future<void>::running) == 2; });
  executor.shutdown(false, true);
  EXPECT_EQ(count(&mp::Future<void>::cancelled), 8);
  gate.count_down();
  executor.shutdown();
  EXPECT_EQ(count(&mp::Future<void>::successful), 2);
  EXPECT_THROW(executor.submit([] {}), mp::UsageError);
}

/// Calls its pool when it is destroyed, as objects of the user's may.
class Meddler {
 public:
  Meddler(mp::ThreadPool& pool, std::atomic<int>& destroyed)
      : pool_(&pool), destroyed_(&destroyed) {}
  Meddler(Meddler&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), destroyed_(other.destroyed_) {}
  Meddler(const Meddler& other) = default;
  Meddler& operator=(Meddler&&) = delete;
  ~Meddler() {
    if (pool_ == nullptr) return;
    pool_->stats();
    ++*destroyed_;
  }

 private:
  mp::ThreadPool* pool_;
  std::atomic<int>* destroyed_;
};

TEST(ThreadPool, lets_go_of_tasks_whose_destructors_call_it) {
  std::atomic<int> destroyed{0};
  std::latch go(1);
  mp::ThreadPool pool(1);
  pool.apply_async([&] { go.wait(); });
  for (int i = 0; i < 5; ++i) pool.apply_async([m = Meddler(pool, destroyed)] {});
  pool.map_async([m = Meddler(pool, destroyed)](int) {}, std::vector<int>{1, 2, 3});
  pool.terminate();  // nobody has a future of theirs
  EXPECT_GE(destroyed, 5);
  go.count_down();
  EXPECT_TRUE(pool.join());
}

TEST(ThreadPool, lets_go_of_results_whose_destructors_call_it) {
  std::atomic<int> destroyed{0};
  mp::ThreadPool pool(2);
  for (int i = 0; i < 20; ++i) pool.apply_async([&] { return Meddler(pool, destroyed); });
  pool.map_async([&](int) { return Meddler(pool, destroyed); }, std::vector<int>(50, 1));
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_GE(destroyed, 70);
}

}  // namespace
}  // namespace royong_test
