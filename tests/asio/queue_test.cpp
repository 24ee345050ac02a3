// SPDX-License-Identifier: Apache-2.0
// Queues as asynchronous operations.
#include <gmock/gmock.h>

#include <boost/asio.hpp>

#include <numeric>

#include "royong/asio.hpp"
#include "royong/process.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
namespace net = boost::asio;
using namespace std::chrono_literals;

net::awaitable<int> add_up(mp::Queue<int> queue, int messages) {
  int sum = 0;
  for (int i = 0; i < messages; ++i) sum += co_await mp::async_get(queue, net::use_awaitable);
  co_return sum;
}

void produce(const mp::Queue<int>& queue, int messages) {
  for (int i = 1; i <= messages; ++i) queue.put(i);
}

TEST(AsyncQueue, gets_what_another_process_puts) {
  const mp::Queue<int> queue;
  net::io_context io;
  auto sum = net::co_spawn(io, add_up(queue, 1000), net::use_future);
  mp::Process producer(produce, queue, 1000);
  producer.start();
  io.run();
  EXPECT_EQ(sum.get(), 500'500);
}

TEST(AsyncQueue, several_readers_share_the_messages) {
  const mp::Queue<int> queue;
  net::io_context io;
  std::vector<std::future<int>> sums;
  for (int i = 0; i < 4; ++i)
    sums.push_back(net::co_spawn(io, add_up(queue, 100), net::use_future));
  mp::Process producer(produce, queue, 400);
  producer.start();
  io.run();
  int sum = 0;
  for (auto& one : sums) sum += one.get();
  EXPECT_EQ(sum, 80'200);
}

TEST(AsyncQueue, puts_when_there_is_room) {
  const mp::Queue<int> queue(2);
  net::io_context io;
  auto sent = net::co_spawn(
      io,
      [](mp::Queue<int> to) -> net::awaitable<void> {
        for (int i = 1; i <= 100; ++i) co_await mp::async_put(to, i, net::use_awaitable);
      }(queue),
      net::use_future);
  mp::Queue<int> sums;
  mp::Process consumer(
      [](const mp::Queue<int>& from, const mp::Queue<int>& to) {
        int sum = 0;
        for (int i = 0; i < 100; ++i) sum += from.get();
        to.put(sum);
      },
      queue, sums);
  consumer.start();
  io.run();
  sent.get();
  EXPECT_EQ(sums.get(), 5050);
}

TEST(AsyncQueue, a_get_that_is_cancelled_takes_nothing) {
  const mp::Queue<int> queue;
  net::io_context io;
  net::cancellation_signal signal;
  bool cancelled = false;
  mp::async_get(queue,
                net::bind_cancellation_slot(
                    signal.slot(), net::bind_executor(io, [&](const std::exception_ptr& e, int) {
                      cancelled = true;
                      EXPECT_THROW(std::rethrow_exception(e), mp::CancelledError);
                    })));
  net::post(io, [&] { signal.emit(net::cancellation_type::total); });
  io.run();
  EXPECT_TRUE(cancelled);
  queue.put(5);
  EXPECT_EQ(queue.get(), 5);
}

TEST(AsyncQueue, a_put_that_is_cancelled_puts_nothing) {
  const mp::Queue<int> queue(1);
  queue.put(1);
  net::io_context io;
  net::cancellation_signal signal;
  bool cancelled = false;
  mp::async_put(queue, 2,
                net::bind_cancellation_slot(
                    signal.slot(), net::bind_executor(io, [&](const std::exception_ptr& e) {
                      cancelled = true;
                      EXPECT_THROW(std::rethrow_exception(e), mp::CancelledError);
                    })));
  net::post(io, [&] { signal.emit(net::cancellation_type::terminal); });
  io.run();
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(AsyncQueue, ends_and_misuse_arrive_at_the_handler) {
  net::io_context io;
  const mp::Queue<std::string> queue;
  auto get = net::co_spawn(
      io,
      [](mp::Queue<std::string> from) -> net::awaitable<std::string> {
        co_return co_await mp::async_get(from, net::use_awaitable);
      }(queue),
      net::use_future);
  net::post(io, [&] { queue.shutdown(); });
  io.run();
  EXPECT_THROW(get.get(), mp::ShutDown);
  EXPECT_THROW(mp::async_put(queue, "x", net::use_future).get(), mp::ShutDown);
  const mp::Queue<int> closed;
  closed.close();
  EXPECT_THROW(mp::async_get(closed, net::use_future).get(), mp::UsageError);
}

TEST(AsyncQueue, of_every_kind) {
  const mp::SimpleQueue<int> simple;
  const mp::JoinableQueue<int> joinable;
  mp::async_put(simple, 1, net::use_future).get();
  mp::async_put(joinable, 2, net::use_future).get();
  EXPECT_EQ(mp::async_get(simple, net::use_future).get(), 1);
  EXPECT_EQ(mp::async_get(joinable, net::use_future).get(), 2);
  joinable.task_done();
  EXPECT_TRUE(joinable.join(0s));
}

}  // namespace
}  // namespace royong_test
