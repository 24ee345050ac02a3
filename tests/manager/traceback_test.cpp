// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Tracebacks of what calls throw in a server: they are there, and nobody waits while they are made.
 */
#include "manager/tracebacks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>     // for std::atomic
#include <mutex>      // for std::mutex
#include <semaphore>  // for std::counting_semaphore
#include <stdexcept>  // for std::runtime_error
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "royong/error.hpp"
#include "royong/manager.hpp"

namespace royong {
namespace {

using manager::Tracebacks;

/// Stacks are described when the test says so.
struct SlowTracebacks : testing::Test {
  std::counting_semaphore<> go{0};
  std::counting_semaphore<> woken{0};
  std::atomic<int> described{0};
  std::vector<std::string> answers;
  Tracebacks tracebacks{[this] { woken.release(); },
                        [this](std::span<void* const> frames) {
                          go.acquire();
                          ++described;
                          return "of " + std::to_string(frames.size());
                        }};

  void ask(std::size_t frames) {
    tracebacks.describe(Tracebacks::Frames(frames),
                        [this](std::string_view text) { answers.emplace_back(text); });
  }
};

TEST_F(SlowTracebacks, hold_up_nobody_who_asks_for_one) {
  ask(1);
  ask(2);
  EXPECT_FALSE(tracebacks.run_answers());
  EXPECT_TRUE(answers.empty());
  go.release();
  woken.acquire();
  EXPECT_TRUE(tracebacks.run_answers());
  EXPECT_THAT(answers, testing::ElementsAre("of 1"));
  go.release();
  woken.acquire();
  EXPECT_TRUE(tracebacks.run_answers());
  EXPECT_THAT(answers, testing::ElementsAre("of 1", "of 2"));
}

TEST_F(SlowTracebacks, are_made_once_for_each_stack) {
  ask(3);
  ask(3);
  go.release(2);
  woken.acquire();
  tracebacks.run_answers();
  ask(3);
  EXPECT_THAT(answers, testing::ElementsAre("of 3", "of 3", "of 3"));
  EXPECT_EQ(described, 1);
}

TEST_F(SlowTracebacks, are_left_out_where_too_many_wait) {
  for (int i = 0; i < 1024; ++i) ask(1);
  EXPECT_TRUE(answers.empty());
  ask(1);
  EXPECT_THAT(answers, testing::ElementsAre(""));
  go.release(2);
  tracebacks.finish();
  EXPECT_EQ(answers.size(), 1025U);
  EXPECT_EQ(answers.back(), "of 1");
}

TEST_F(SlowTracebacks, are_finished_at_the_end) {
  ask(1);
  ask(2);
  go.release(2);
  tracebacks.finish();
  EXPECT_THAT(answers, testing::ElementsAre("of 1", "of 2"));
}

[[gnu::noinline]] int throw_in_the_server(int& value) {
  if (value == 0) throw std::out_of_range("nothing there");
  return value;
}

std::string traceback_of(const std::exception& error) {
  try {
    std::rethrow_if_nested(error);
  } catch (const RemoteError& remote) {
    return remote.remote_traceback();
  }
  return {};
}

TEST(TracebackOfACall, names_the_function_that_threw) {
  const Manager manager;
  const auto value = manager.make<int>();
  for (int i = 0; i < 2; ++i) {  // made, and known
    try {
      value.call(throw_in_the_server);
      FAIL() << "nothing was thrown";
    } catch (const std::out_of_range& error) {
      EXPECT_THAT(traceback_of(error), testing::HasSubstr("throw_in_the_server"));
    }
  }
}

TEST(TracebackOfACall, holds_up_no_other_call) {
  const Manager manager;
  const auto value = manager.make<int>();
  std::mutex mutex;
  std::vector<std::string> ended;
  std::counting_semaphore<> both{0};
  const auto tell = [&](const auto& future, const char* name) {
    future.add_done_callback([&, name](auto&) {
      {
        const std::lock_guard lock(mutex);
        ended.emplace_back(name);
      }
      both.release();
    });
  };
  {
    // One message behind the other: the server runs both in one turn.
    auto batch = manager.pipeline();
    tell(value.call_async(throw_in_the_server), "the first, which throws");
    tell(value.call_async([](int& it) { return it; }), "the second");
  }
  both.acquire();
  both.acquire();
  EXPECT_THAT(ended, testing::ElementsAre("the second", "the first, which throws"));
}

TEST(TracebackOfACall, does_not_get_lost_when_the_server_ends) {
  Manager manager;
  const auto value = manager.make<int>();
  const auto call = value.call_async(throw_in_the_server);
  manager.shutdown();
  EXPECT_THROW(call.get(), std::out_of_range);
}

}  // namespace
}  // namespace royong
