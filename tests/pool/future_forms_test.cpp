// SPDX-License-Identifier: Apache-2.0
// Futures, pools and callbacks in the forms that a caller may write them.
#include <gtest/gtest.h>

#include <atomic>  // for std::atomic

#include "pool/functions.hpp"
#include "process/every_start_method.hpp"
#include "royong/future.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

TEST(Wait, takes_a_list_of_futures_in_braces) {
  mp::Pool pool(2);
  const auto a = pool.apply_async(square, 2);
  const auto b = pool.apply_async(square, 3);
  const auto [done, not_done] = mp::wait({a, b, a}, mp::forever, mp::ReturnWhen::all_completed);
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].get() + done[1].get(), 13);
  EXPECT_TRUE(not_done.empty());
  int sum = 0;
  for (auto& future : mp::as_completed({a, b})) sum += future.get();
  EXPECT_EQ(sum, 13);
}

TEST(Callback, may_take_the_future_by_any_kind_of_auto) {
  std::atomic<int> sum = 0;
  {
    mp::Pool pool = mp::get_context(mp::StartMethod::fork).pool(1, {.name = "Squarer"});
    const auto future = pool.apply_async(square, 3);
    future.add_done_callback([&](auto& f) { sum += f.get(); });
    future.add_done_callback([&](const auto& f) { sum += f.get(); });
    future.add_done_callback([&](auto f) { sum += f.get(); });
    future.add_done_callback([&](auto&& f) { sum += f.get(); });
  }
  EXPECT_EQ(sum, 36);
}

}  // namespace
}  // namespace royong_test
