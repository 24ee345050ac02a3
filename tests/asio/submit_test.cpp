// SPDX-License-Identifier: Apache-2.0
// Tasks as asynchronous operations: completion tokens, executors, cancellation, errors, the ends of contexts and pools.
#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "pool/functions.hpp"
#include "royong/asio.hpp"
#include "royong/pool.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
namespace net = boost::asio;
using namespace std::chrono_literals;
using namespace net::experimental::awaitable_operators;

net::awaitable<int> sum_of_squares(mp::Pool& pool) {
  const int first = co_await mp::async_submit(pool, net::use_awaitable, square, 3);
  co_return first + co_await mp::async_submit(pool, net::use_awaitable, square, 4);
}

TEST(AsyncSubmit, by_use_awaitable) {
  mp::Pool pool(2);
  net::io_context io;
  auto result = net::co_spawn(io, sum_of_squares(pool), net::use_future);
  io.run();
  EXPECT_EQ(result.get(), 25);
}

TEST(AsyncSubmit, by_use_future_needs_no_event_loop) {
  mp::Pool pool(1);
  EXPECT_EQ(mp::async_submit(pool, net::use_future, square, 5).get(), 25);
  EXPECT_THROW(mp::async_submit(pool, net::use_future, throw_out_of_range, 5).get(),
               std::out_of_range);
  mp::async_submit(pool, net::use_future, nothing).get();
}

TEST(AsyncSubmit, by_a_callback_runs_on_its_executor) {
  mp::Pool pool(1);
  net::io_context io;
  std::thread::id where;
  int value = 0;
  mp::async_submit(pool,
                   net::bind_executor(io,
                                      [&](const std::exception_ptr& error, int result) {
                                        EXPECT_FALSE(error);
                                        where = std::this_thread::get_id();
                                        value = result;
                                      }),
                   square, 6);
  EXPECT_EQ(value, 0);
  EXPECT_GT(io.run(), 0U);  // it waits for the task: that is outstanding work
  EXPECT_EQ(value, 36);
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(AsyncSubmit, by_deferred_begins_when_it_is_awaited) {
  const TempDir folder;
  const std::string path = (folder / "begun").string();
  mp::Pool pool(1);
  net::io_context io;
  auto operation = mp::async_submit(
      pool, net::deferred, [](const std::string& file) { return ::mkdir(file.c_str(), 0700); },
      path);
  pool.apply(nothing);
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  int result = -1;
  std::move(operation)(
      net::bind_executor(io, [&](const std::exception_ptr&, int code) { result = code; }));
  io.run();
  EXPECT_EQ(result, 0);
}

TEST(AsyncSubmit, by_as_tuple_gives_the_error_as_a_value) {
  mp::Pool pool(1);
  net::io_context io;
  bool died = false;
  net::co_spawn(
      io,
      [](mp::Pool& workers, bool& seen) -> net::awaitable<void> {
        const auto [error, value] =
            co_await mp::async_submit(workers, net::as_tuple(net::use_awaitable), die);
        EXPECT_EQ(value, 0);
        try {
          if (error) std::rethrow_exception(error);
        } catch (const mp::WorkerDied& death) {
          seen = death.exitcode() == -SIGKILL;
        }
      }(pool, died),
      net::detached);
  io.run();
  EXPECT_TRUE(died);
}

TEST(AsyncSubmit, through_a_strand_and_a_thread_pool) {
  mp::ProcessPoolExecutor executor(2);
  net::thread_pool threads(2);
  auto strand = net::make_strand(threads);
  int unguarded = 0;
  for (int i = 0; i < 200; ++i) {
    mp::async_submit(executor,
                     net::bind_executor(strand,
                                        [&](const std::exception_ptr& error, int) {
                                          EXPECT_FALSE(error);
                                          EXPECT_TRUE(strand.running_in_this_thread());
                                          ++unguarded;
                                        }),
                     square, i);
  }
  threads.join();
  EXPECT_EQ(unguarded, 200);
}

TEST(AsyncSubmit, to_a_pool_of_threads_takes_any_callable) {
  mp::ThreadPool pool(2);
  net::io_context io;
  const std::string captured = "gotong ";
  std::string result;
  mp::async_submit(
      pool,
      net::bind_executor(
          io, [&](const std::exception_ptr&, const std::string& text) { result = text; }),
      [&captured](const std::string& rest) { return captured + rest; }, "royong");
  io.run();
  EXPECT_EQ(result, "gotong royong");
}

TEST(AsyncSubmit, takes_the_options_of_the_task) {
  mp::Pool pool(1);
  net::io_context io;
  std::exception_ptr error;
  mp::async_submit(pool,
                   net::bind_executor(io, [&](const std::exception_ptr& e, int) { error = e; }),
                   {.name = "stuck", .timeout = 20ms}, wait_for_ever);
  io.run();
  ASSERT_TRUE(error);
  EXPECT_THROW(std::rethrow_exception(error), mp::TimeoutError);
}

TEST(AsyncSubmit, errors_of_the_submission_arrive_at_the_handler) {
  mp::Pool pool(1);
  pool.close();
  EXPECT_THROW(mp::async_submit(pool, net::use_future, square, 1).get(), mp::UsageError);
  net::io_context io;
  bool called = false;
  mp::async_submit(pool,
                   net::bind_executor(io,
                                      [&](const std::exception_ptr& e, int) {
                                        called = true;
                                        EXPECT_THROW(std::rethrow_exception(e), mp::UsageError);
                                      }),
                   square, 1);
  EXPECT_FALSE(called);
  io.run();
  EXPECT_TRUE(called);
  // Nor without an executor is the handler called by the function that begins the operation.
  std::promise<std::thread::id> where;
  mp::async_submit(
      pool, [&](const std::exception_ptr&, int) { where.set_value(std::this_thread::get_id()); },
      square, 1);
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
}

TEST(AsyncSubmit, a_pool_that_is_terminated_cancels) {
  mp::Pool pool(1);
  auto stuck = mp::async_submit(pool, net::use_future, wait_for_ever);
  pool.terminate();
  EXPECT_THROW(stuck.get(), mp::CancelledError);
}

TEST(AsyncSubmit, many_coroutines_at_once) {
  mp::Pool pool(2);
  net::io_context io;
  int sum = 0;
  for (int i = 0; i < 500; ++i) {
    net::co_spawn(
        io,
        [](mp::Pool& workers, int& total, int n) -> net::awaitable<void> {
          for (int k = 0; k < 4; ++k)
            total += co_await mp::async_submit(workers, net::use_awaitable, square, n % 10);
        }(pool, sum, i),
        net::detached);
  }
  io.run();
  EXPECT_EQ(sum, 4 * 50 * 285);
}

int wait_for(const mp::Event& gate) {
  gate.wait();
  return 0;
}

TEST(AsyncSubmit, is_cancelled_before_it_begins) {
  const mp::Event gate;
  mp::Pool pool(1);
  const auto blocker = pool.apply_async(wait_for, gate);
  eventually([&] { return blocker.running(); });
  net::io_context io;
  net::cancellation_signal signal;
  bool cancelled = false;
  mp::async_submit(pool,
                   net::bind_cancellation_slot(
                       signal.slot(), net::bind_executor(io,
                                                         [&](const std::exception_ptr& e, int) {
                                                           cancelled = true;
                                                           EXPECT_THROW(std::rethrow_exception(e),
                                                                        mp::CancelledError);
                                                         })),
                   square, 1);
  signal.emit(net::cancellation_type::total);
  io.run();
  EXPECT_TRUE(cancelled);
  EXPECT_FALSE(blocker.done());
  gate.set();
  EXPECT_EQ(blocker.get(), 0);
}

net::awaitable<std::string> race(mp::Pool& pool, std::chrono::milliseconds limit) {
  net::steady_timer timer(co_await net::this_coro::executor, limit);
  auto task = mp::async_submit(pool, net::use_awaitable, wait_for_ever);
  auto clock = timer.async_wait(net::use_awaitable);
  const auto winner = co_await (std::move(task) || std::move(clock));
  co_return winner.index() == 1 ? "timer" : "task";
}

TEST(AsyncSubmit, loses_against_a_timer_and_is_stopped) {
  mp::Pool pool(1);
  net::io_context io;
  auto result = net::co_spawn(io, race(pool, 50ms), net::use_future);
  io.run();
  EXPECT_EQ(result.get(), "timer");
  EXPECT_EQ(pool.apply(square, 3), 9);  // the worker is free again, or there is another one
}

TEST(AsyncSubmit, its_handler_goes_with_its_context) {
  const mp::Event gate;
  const auto alive = std::make_shared<int>(1);
  mp::Pool pool(1);
  {
    net::io_context io;
    mp::async_submit(
        pool, net::bind_executor(io, [alive](const std::exception_ptr&, int) { ADD_FAILURE(); }),
        wait_for, gate);
    io.poll();
    EXPECT_EQ(alive.use_count(), 2);
  }
  EXPECT_EQ(alive.use_count(), 1);
  gate.set();
  EXPECT_EQ(pool.apply(square, 2), 4);
  pool.close();
  pool.join();
}

TEST(AsyncSubmit, contexts_that_end_while_results_arrive) {
  mp::Pool pool(2);
  for (int round = 0; round < 50; ++round) {
    auto io = std::make_unique<net::io_context>();
    for (int i = 0; i < 20; ++i)
      mp::async_submit(pool, net::bind_executor(*io, [](const std::exception_ptr&, int) {}), square,
                       i);
    if (round % 2 == 0) io->poll();
    io.reset();
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST(AsyncGet, of_a_future_that_runs_or_has_ended) {
  mp::Pool pool(1);
  net::io_context io;
  const auto future = pool.apply_async(make_bytes, std::size_t{1000});
  std::size_t sum = 0;
  auto add = net::bind_executor(
      io, [&](const std::exception_ptr&, const std::vector<char>& bytes) { sum += bytes.size(); });
  mp::async_get(future, add);
  io.run();
  mp::async_get(future, add);
  io.restart();
  io.run();
  EXPECT_EQ(sum, 2000U);
  EXPECT_EQ(future.get().size(), 1000U);
  mp::async_get(pool.apply_async(make_bytes, std::size_t{5}), add);
  io.restart();
  io.run();
  EXPECT_EQ(sum, 2005U);
}

}  // namespace
}  // namespace royong_test
