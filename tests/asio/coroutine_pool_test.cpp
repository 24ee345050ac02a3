// SPDX-License-Identifier: Apache-2.0
// Workers with an event loop each: concurrency, errors, cancellation, deaths.
#include <gmock/gmock.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <map>
#include <string>

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/asio.hpp"
#include "royong/bind_front.hpp"
#include "royong/event.hpp"
#include "royong/shared.hpp"
#include "support/chaos.hpp"
#include "support/random.hpp"

namespace royong_test {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

net::awaitable<int> sleep_in_loop(int ms) {
  net::steady_timer timer(co_await net::this_coro::executor, std::chrono::milliseconds(ms));
  co_await timer.async_wait(net::use_awaitable);
  co_return ms;
}

net::awaitable<int> squared(int x) { co_return x* x; }

class CoroutinePoolOf : public EveryStartMethod {
 protected:
  mp::asio::CoroutinePool make(int processes, mp::asio::CoroutinePoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::asio::CoroutinePool(io_, processes, std::move(options));
  }
  net::io_context io_;
};

TEST_P(CoroutinePoolOf, runs_coroutines_in_workers) {
  auto pool = make(2);
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    pool.async_submit(
        [&](const std::exception_ptr& error, int value) {
          EXPECT_FALSE(error);
          sum += value;
        },
        squared, i);
  }
  io_.run();  // ends, although the pool lives
  EXPECT_EQ(sum, 328'350);
  io_.restart();
  EXPECT_EQ(io_.run(), 0U);
}

int greeting = 0;

void greet(int how) { greeting = how; }
net::awaitable<int> greeting_of_worker() { co_return greeting; }

TEST_P(CoroutinePoolOf, runs_the_initializer_in_each_worker_first) {
  auto pool = make(2, {.initializer = mp::bind_front(greet, 7)});
  int fine = 0;
  for (int i = 0; i < 40; ++i) {
    pool.async_submit([&](const std::exception_ptr& error, int had) { fine += !error && had == 7; },
                      greeting_of_worker);
  }
  io_.run();
  EXPECT_EQ(fine, 40);
}

TEST_P(CoroutinePoolOf, is_broken_by_an_initializer_that_throws_and_names_the_cause) {
  auto pool = make(2, {.initializer = mp::bind_front(throw_out_of_range, 3)});
  int told = 0;
  for (int i = 0; i < 5; ++i) {
    pool.async_submit(
        [&](const std::exception_ptr& error, int) {
          try {
            std::rethrow_exception(error);
          } catch (const mp::BrokenProcessPool& broken) {
            EXPECT_STREQ(broken.what(), "the initializer of the pool failed: no element 3");
            EXPECT_THROW(std::rethrow_if_nested(broken), std::out_of_range);
            ++told;
          }
        },
        squared, i);
  }
  io_.run();
  EXPECT_EQ(told, 5);
}

net::awaitable<int> pid_in_loop() { co_return own_pid(); }

TEST_P(CoroutinePoolOf, replaces_workers_that_have_had_their_tasks) {
  auto pool = make(1, {.childconcurrency = 4, .maxtasksperchild = 3});
  std::map<int, int> tasks;  // of each process
  for (int i = 0; i < 12; ++i) {
    pool.async_submit(
        [&](const std::exception_ptr& error, int pid) {
          EXPECT_FALSE(error);
          ++tasks[pid];
        },
        pid_in_loop);
  }
  io_.run();
  EXPECT_EQ(tasks.size(), 4U);
  for (const auto& [pid, had] : tasks) EXPECT_EQ(had, 3);
  EXPECT_THROW(make(1, {.maxtasksperchild = -1}), mp::UsageError);
}

/// So many are in it at once; they leave when all have come.
net::awaitable<int> meet(mp::Value<int> present, int wanted) {
  ++present;
  while (present.load() < wanted) co_await sleep_in_loop(1);
  co_return wanted;
}

TEST_P(CoroutinePoolOf, has_many_at_once_in_one_worker) {
  auto pool = make(1, {.childconcurrency = 50});
  const mp::Value<int> present;
  int met = 0;
  for (int i = 0; i < 50; ++i) {
    pool.async_submit([&](const std::exception_ptr& error, int) { met += error ? 0 : 1; }, meet,
                      present, 50);
  }
  io_.run();
  EXPECT_EQ(met, 50);
}

net::awaitable<int> count_company(mp::Value<int> present) {
  const int now = ++present;
  co_await sleep_in_loop(5);
  --present;
  co_return now;
}

TEST_P(CoroutinePoolOf, and_no_more_than_it_was_told) {
  auto pool = make(1, {.childconcurrency = 3});
  const mp::Value<int> present;
  int most = 0;
  for (int i = 0; i < 20; ++i) {
    pool.async_submit([&](const std::exception_ptr&, int n) { most = std::max(most, n); },
                      count_company, present);
  }
  io_.run();
  EXPECT_EQ(most, 3);
}

net::awaitable<std::string> join(const std::string& left, std::string_view right) {
  co_await sleep_in_loop(1);  // the arguments outlive the suspension
  co_return left + std::string(right);
}

net::awaitable<void> fail(int index) {
  co_await sleep_in_loop(1);
  throw_out_of_range(index);
}

net::awaitable<std::string> use_the_pool(mp::asio::CoroutinePool& pool) {
  const std::string text =
      co_await pool.async_submit(net::use_awaitable, join, "gotong ", "royong");
  try {
    co_await pool.async_submit(net::use_awaitable, fail, 3);
  } catch (const std::out_of_range& error) {
    co_return text + ", " + error.what();
  }
  co_return "no exception came";
}

TEST_P(CoroutinePoolOf, takes_arguments_and_gives_results_and_errors) {
  auto pool = make(1);
  auto text = net::co_spawn(io_, use_the_pool(pool), net::use_future);
  io_.run();
  EXPECT_EQ(text.get(), "gotong royong, no element 3");
}

TEST_P(CoroutinePoolOf, handles_travel_both_ways) {
  auto pool = make(1);
  mp::Queue<int> got;
  pool.async_submit([&](const std::exception_ptr&, mp::Queue<int> queue) { got = queue; },
                    [](mp::Queue<int> queue, int value) -> net::awaitable<mp::Queue<int>> {
                      co_await mp::async_put(queue, value, net::use_awaitable);
                      co_return queue;
                    },
                    mp::Queue<int>(), 7);
  io_.run();
  EXPECT_EQ(got.get(), 7);
}

net::awaitable<int> die_in_loop() { co_return die(); }
net::awaitable<int> wait_in_loop() {
  net::steady_timer timer(co_await net::this_coro::executor, net::steady_timer::time_point::max());
  co_await timer.async_wait(net::use_awaitable);
  co_return 0;
}

TEST_P(CoroutinePoolOf, a_dead_worker_takes_what_it_had_begun) {
  auto pool = make(1, {.childconcurrency = 4});
  int died = 0, fine = 0;
  const auto count = [&](const std::exception_ptr& error, int) {
    try {
      if (error) std::rethrow_exception(error);
      ++fine;
    } catch (const mp::WorkerDied& death) {
      EXPECT_EQ(death.exitcode(), -SIGKILL);
      ++died;
    }
  };
  for (int i = 0; i < 3; ++i) pool.async_submit(count, wait_in_loop);
  pool.async_submit(count, die_in_loop);
  for (int i = 0; i < 10; ++i) pool.async_submit(count, squared, i);  // behind them: not begun
  io_.run();
  EXPECT_EQ(died, 4);
  EXPECT_EQ(fine, 10);
}

TEST_P(CoroutinePoolOf, cancellation_reaches_the_coroutine) {
  auto pool = make(1);
  net::cancellation_signal signal;
  bool cancelled = false;
  pool.async_submit(net::bind_cancellation_slot(signal.slot(),
                                                [&](const std::exception_ptr& error, int) {
                                                  cancelled = true;
                                                  EXPECT_THROW(std::rethrow_exception(error),
                                                               mp::CancelledError);
                                                }),
                    wait_in_loop);
  net::steady_timer timer(io_, 50ms);
  timer.async_wait(
      [&](const boost::system::error_code&) { signal.emit(net::cancellation_type::terminal); });
  io_.run();
  EXPECT_TRUE(cancelled);
  int value = 0;
  pool.async_submit([&](const std::exception_ptr&, int v) { value = v; }, squared, 3);
  io_.restart();
  io_.run();
  EXPECT_EQ(value, 9);  // the worker goes on
}

TEST_P(CoroutinePoolOf, close_and_terminate) {
  auto pool = make(2);
  int fine = 0, cancelled = 0;
  const auto count = [&](const std::exception_ptr& error, int) {
    try {
      if (error) std::rethrow_exception(error);
      ++fine;
    } catch (const mp::CancelledError&) {
      ++cancelled;
    }
  };
  for (int i = 0; i < 10; ++i) pool.async_submit(count, sleep_in_loop, 5);
  pool.close();
  EXPECT_THROW(pool.async_submit(net::use_future, squared, 1).get(), mp::UsageError);
  io_.run();
  EXPECT_EQ(fine, 10);

  auto other = make(1, {.childconcurrency = 2});
  for (int i = 0; i < 5; ++i) other.async_submit(count, wait_in_loop);
  other.terminate();
  EXPECT_TRUE(mp::active_children().size() <= 2U);
  io_.restart();
  io_.run();
  EXPECT_EQ(cancelled, 5);
  EXPECT_THROW(other.async_submit(net::use_future, squared, 1).get(), mp::UsageError);
}

TEST_P(CoroutinePoolOf, is_destroyed_in_any_state) {
  for (int i = 0; i < 3; ++i) {
    auto pool = make(1);
    for (int k = 0; k < i * 10; ++k)
      pool.async_submit([](const std::exception_ptr&, int) {}, wait_in_loop);
    if (i == 2) io_.poll();
  }
  EXPECT_TRUE(mp::active_children().empty());
  io_.run();
}

TEST_P(CoroutinePoolOf, misuse_is_refused) {
  EXPECT_THROW(make(-1), mp::UsageError);
  EXPECT_THROW(make(1, {.childconcurrency = 0}), mp::UsageError);
}

TEST_P(CoroutinePoolOf, kills_from_outside_leave_each_task_one_end) {
  auto pool = make(2, {.childconcurrency = 8, .restarts = {.count = 1'000}});
  int fine = 0, died = 0;
  constexpr int tasks = 600;
  for (int i = 0; i < tasks; ++i) {
    pool.async_submit(
        [&](const std::exception_ptr& error, int) {
          try {
            if (error) std::rethrow_exception(error);
            ++fine;
          } catch (const mp::WorkerDied&) {
            ++died;
          }
        },
        sleep_in_loop, 1 + i % 3);
  }
  auto random = random_engine();
  KillStorm storm(
      [&]() -> pid_t {
        const auto children = mp::active_children();
        return children.empty() ? 0 : children[random() % children.size()].pid();
      },
      {.shortest = 2ms, .longest = 20ms, .most_kills = 15});
  io_.run();
  const auto kills = storm.stop();
  EXPECT_EQ(fine + died, tasks);
  EXPECT_LE(died, static_cast<int>(kills) * 8);
}

TEST(CoroutinePool, is_broken_when_its_workers_die_before_they_are_ready) {
  net::io_context io;
  mp::asio::CoroutinePool pool(io, 1,
                               {.start_method = mp::StartMethod::spawn, .restarts = {.count = 2}});
  KillStorm storm(
      []() -> pid_t {
        const auto children = mp::active_children();
        return children.empty() ? 0 : children.front().pid();
      },
      {.longest = 50us});
  // Until three in a row have died in time.
  bool broken = false;
  while (!broken) {
    pool.async_submit(
        [&](const std::exception_ptr& error, int) {
          try {
            std::rethrow_exception(error);
          } catch (const mp::WorkerDied&) {
          } catch (const mp::BrokenProcessPool&) {
            broken = true;
          }
        },
        wait_in_loop);
    io.restart();
    io.run();
  }
  EXPECT_GE(storm.stop(), 3U);
}

ROYONG_EVERY_START_METHOD(CoroutinePoolOf);

}  // namespace
}  // namespace royong_test
