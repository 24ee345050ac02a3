// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Clients that start calls faster than they are run, and wait for none.
 */
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

namespace mp = royong;

TEST(FastClient, ThatNeverWaitsLearnsOfTheEnd) {
  const mp::Manager manager;
  const auto value = manager.make<int>();
  const auto server = value.call([](int&) { return ::getpid(); });
  ASSERT_EQ(::kill(server, SIGKILL), 0);
  eventually([&] {
    try {
      value.call_async([](int& it) { ++it; });
      return false;
    } catch (const mp::EndOfFile&) {
      return true;
    }
  });
  auto batch = manager.pipeline();
  EXPECT_THROW(batch.flush(), mp::EndOfFile);
}

}  // namespace
}  // namespace royong_test
