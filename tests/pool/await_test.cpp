// SPDX-License-Identifier: Apache-2.0
// co_await of futures in coroutines that know nothing of royong.
#include <gmock/gmock.h>

#include <coroutine>
#include <future>
#include <optional>
#include <string>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;

/// A coroutine that begins at once and tells a std::future how it ended.
template <class T>
struct Eager {
  struct Promise {
    Eager get_return_object() {
      return {result.get_future(), std::coroutine_handle<Promise>::from_promise(*this)};
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_value(T value) { result.set_value(std::move(value)); }
    void unhandled_exception() { result.set_exception(std::current_exception()); }
    std::promise<T> result;
  };
  using promise_type = Promise;

  std::future<T> result;
  std::coroutine_handle<> handle;
};

Eager<int> sum_of_squares(mp::Pool& pool) {
  auto first = pool.apply_async(square, 3);
  auto second = pool.apply_async(square, 4);
  co_return co_await first + co_await second;
}

TEST(AwaitFuture, gives_the_value) {
  mp::Pool pool(2);
  EXPECT_EQ(sum_of_squares(pool).result.get(), 25);
}

Eager<bool> stays_here(mp::Future<int> future) {
  const auto before = std::this_thread::get_id();
  co_await future;
  co_return std::this_thread::get_id() == before;
}

TEST(AwaitFuture, does_not_suspend_when_the_task_has_ended) {
  mp::Pool pool(1);
  const auto future = pool.apply_async(square, 3);
  future.wait();
  EXPECT_TRUE(stays_here(future).result.get());
}

TEST(AwaitFuture, goes_on_where_callbacks_run) {
  mp::Pool pool(1);
  const mp::Event open;
  const auto slow = pool.apply_async(held, open, 1);
  std::promise<std::thread::id> where;
  slow.add_done_callback(
      [&](const mp::Future<int>&) { where.set_value(std::this_thread::get_id()); });
  const auto resumed = [](mp::Future<int> future) -> Eager<std::thread::id> {
    co_await future;
    co_return std::this_thread::get_id();
  };
  auto waiting = resumed(slow);
  open.set();
  EXPECT_EQ(waiting.result.get(), where.get_future().get());
}

Eager<std::string> how_it_ends(mp::Future<int> future) {
  try {
    co_await future;
  } catch (const mp::WorkerDied&) {
    co_return "died";
  } catch (const mp::CancelledError&) {
    co_return "cancelled";
  } catch (const mp::TimeoutError&) {
    co_return "too slow";
  } catch (const std::out_of_range& error) {
    co_return error.what();
  }
  co_return "value";
}

TEST(AwaitFuture, throws_what_get_throws) {
  mp::Pool pool(1);
  EXPECT_EQ(how_it_ends(pool.apply_async(throw_out_of_range, 7)).result.get(), "no element 7");
  EXPECT_EQ(how_it_ends(pool.apply_async(die)).result.get(), "died");
  EXPECT_EQ(how_it_ends(pool.apply_async({.timeout = 20ms}, wait_for_ever)).result.get(),
            "too slow");
  auto stuck = how_it_ends(pool.apply_async(wait_for_ever));
  pool.terminate();
  EXPECT_EQ(stuck.result.get(), "cancelled");
}

Eager<int> of_nothing(mp::Future<void> future) {
  co_await future;
  co_return 1;
}

Eager<std::size_t> of_a_move_only(mp::Future<std::unique_ptr<int>> future) {
  const std::unique_ptr<int> value = co_await future;
  co_return static_cast<std::size_t>(*value);
}

TEST(AwaitFuture, of_every_kind_of_result) {
  mp::Pool pool(1);
  EXPECT_EQ(of_nothing(pool.apply_async(nothing)).result.get(), 1);
  EXPECT_EQ(of_a_move_only(pool.apply_async([] { return std::make_unique<int>(5); })).result.get(),
            5U);
}

TEST(AwaitFuture, the_result_is_a_copy_and_may_be_asked_for_again) {
  mp::Pool pool(1);
  const auto future = pool.apply_async(make_bytes, std::size_t{100});
  const auto twice = [](mp::Future<std::vector<char>> f) -> Eager<std::size_t> {
    const auto once = co_await f;
    const auto again = co_await f;
    co_return once.size() + again.size();
  };
  EXPECT_EQ(twice(future).result.get(), 200U);
  EXPECT_EQ(future.get().size(), 100U);
}

TEST(AwaitFuture, many_coroutines_at_once) {
  mp::Pool pool(2);
  std::vector<Eager<int>> sums;
  for (int i = 0; i < 200; ++i) sums.push_back(sum_of_squares(pool));
  for (auto& sum : sums) EXPECT_EQ(sum.result.get(), 25);
}

TEST(AwaitFuture, a_coroutine_may_be_destroyed_while_it_waits) {
  mp::Pool pool(1);
  const mp::Event open;
  const auto slow = pool.apply_async(held, open, 1);
  auto waiting = how_it_ends(slow);
  waiting.handle.destroy();
  EXPECT_THROW(waiting.result.get(),
               std::future_error);  // broken promise: it ended without a result
  open.set();
  EXPECT_EQ(slow.get(), 1);
  pool.close();
  pool.join();  // all callbacks have run
}

TEST(AwaitFuture, submits_and_waits_from_where_it_goes_on) {
  mp::Pool pool(1);
  const auto chain = [](mp::Pool& workers) -> Eager<int> {
    int x = 1;
    for (int i = 0; i < 20; ++i) {
      auto next = workers.apply_async([](int y) { return y + 1; }, x);
      x = co_await next;
    }
    co_return x;
  };
  EXPECT_EQ(chain(pool).result.get(), 21);
}

#if !ROYONG_AWAITS_NAMED_FUTURES_ONLY
Eager<int> a_temporary(mp::Pool& pool) { co_return co_await pool.apply_async(square, 5); }

TEST(AwaitFuture, without_a_name_where_the_compiler_is_right) {
  mp::Pool pool(1);
  EXPECT_EQ(a_temporary(pool).result.get(), 25);
}
#endif

}  // namespace
}  // namespace royong_test
