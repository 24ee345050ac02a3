// SPDX-License-Identifier: Apache-2.0
// Tasks that do what they must not: only their own futures tell. And input at its limits.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "memory/arena.hpp"
#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "pool/small_arena.hpp"
#include "process/every_start_method.hpp"
#include "royong/exception.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HostileTask : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    return mp::Pool(processes, std::move(options));
  }
  /// Also the worker that ran the hostile task, if it lives.
  static void expect_life(mp::Pool& pool) {
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.apply_async(square, i));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  }
};

struct NoStandardType {
  int value = 0;
};

TEST_P(HostileTask, that_throws_what_is_no_exception) {
  mp::Pool pool = make(1);
  EXPECT_THROW(pool.apply([] { throw 7; }), mp::RemoteError);
  EXPECT_THROW(pool.apply([] { throw "text"; }), mp::RemoteError);
  EXPECT_THROW(pool.apply([] { throw std::string("text"); }), mp::RemoteError);
  EXPECT_THROW(pool.apply([] { throw std::make_unique<int>(1); }), mp::RemoteError);
  try {
    pool.apply([] { throw NoStandardType{3}; });
    FAIL() << "nothing came";
  } catch (const mp::RemoteError& error) {
    EXPECT_THAT(error.type_name(), HasSubstr("NoStandardType"));
  }
  expect_life(pool);
}

TEST_P(HostileTask, that_throws_through_noexcept) {
  mp::Pool pool = make(1);
  try {
    pool.apply([]() noexcept {
      const std::vector<int> empty;
      static_cast<void>(empty.at(3));
    });
    FAIL() << "nothing came";
  } catch (const mp::WorkerDied& error) {
    EXPECT_EQ(error.exitcode(), -SIGABRT);
  }
  expect_life(pool);
}

TEST_P(HostileTask, that_ends_its_process_in_every_way) {
  mp::Pool pool = make();
  std::vector<mp::Future<void>> futures{
      pool.apply_async([] { std::exit(4); }),     pool.apply_async([] { std::quick_exit(4); }),
      pool.apply_async([] { ::_exit(4); }),       pool.apply_async([] { std::abort(); }),
      pool.apply_async([] { ::raise(SIGSEGV); }), pool.apply_async([] { ::raise(SIGTERM); })};
  for (std::size_t i = 0; i < futures.size(); ++i)
    EXPECT_THROW(futures[i].get(), mp::WorkerDied) << "the way number " << i;
  expect_life(pool);
}

int close_everything(int from) {
  ::close_range(static_cast<unsigned>(from), ~0U, 0);
  return from;
}

TEST_P(HostileTask, that_closes_every_descriptor) {
  mp::Pool pool = make(1);
  EXPECT_EQ(pool.apply(close_everything, 0), 0);
  expect_life(pool);
  pool.close();
  EXPECT_TRUE(pool.join());
}

std::size_t fill_memory() {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (;;) {
    blocks.push_back(std::make_unique<char[]>(16 << 20));  // written to: make_unique fills it
    if (blocks.size() == 1024) return blocks.size();
  }
}

TEST_P(HostileTask, that_fills_memory_beyond_the_limit) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  GTEST_SKIP() << "a sanitizer's allocator ends the program where others throw";
#endif
  mp::Pool pool = make(1, {.limits = {.memory = 256 << 20}});
  EXPECT_THROW(pool.apply(fill_memory), std::bad_alloc);
  expect_life(pool);
}

int fork_and_leave() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  return child > 0 ? 1 : 0;  // nobody waits for it
}

TEST_P(HostileTask, that_forks) {
  mp::Pool pool = make(1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pool.apply(fork_and_leave), 1);
  expect_life(pool);
}

// The copies are left to the worker's end: they are its children.
int fork_and_return() { return ::fork() < 0 ? 0 : 1; }

TEST_P(HostileTask, that_forks_and_returns_twice) {
  mp::Pool pool = make(1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(pool.apply(fork_and_return), 1);
    expect_life(pool);
  }
}

int block_signals_and_stay() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  return wait_for_ever();
}

TEST_P(HostileTask, that_blocks_signals_and_never_returns) {
  mp::Pool pool = make(1);
  EXPECT_THROW(pool.apply({.timeout = 50ms}, block_signals_and_stay), mp::TimeoutError);
  expect_life(pool);
  const auto stuck = pool.apply_async(block_signals_and_stay);
  pool.terminate();
  EXPECT_TRUE(pool.join());
  EXPECT_THROW(stuck.get(), mp::CancelledError);
}

TEST_P(HostileTask, that_computes_for_ever) {
  mp::Pool pool = make(1);
  const auto spin = []() -> int {
    for (std::atomic<unsigned> i = 0;; ++i) {
    }
  };
  EXPECT_THROW(pool.apply({.timeout = 50ms}, spin), mp::TimeoutError);
  expect_life(pool);
}

TEST_P(HostileTask, whose_result_is_larger_than_the_quota) {
  mp::Pool pool = make(1);
  expect_life(pool);
  const SmallArena small(16 << 20);
  EXPECT_THROW(pool.apply(make_bytes, std::size_t{64} << 20), mp::ArenaFull);
  EXPECT_EQ(pool.apply(make_bytes, std::size_t{4} << 20).size(), std::size_t{4} << 20);
  expect_life(pool);
}

TEST(HostileTaskOnce, whose_result_is_very_large) {
  // The storm has one of 2 GiB. The vector is there three times: in the worker, in the arena, here.
  const std::size_t size =
      std::min<std::size_t>(std::size_t{256} << 20, mp::memory::arena_usage().quota / 4);
  mp::Pool pool(1);
  const auto bytes = pool.apply(make_bytes, size);
  ASSERT_EQ(bytes.size(), size);
  EXPECT_EQ(bytes.front(), 'x');
  EXPECT_EQ(bytes.back(), 'x');
  EXPECT_EQ(pool.apply(square, 3), 9);
}

mp::Pool* own_pool = nullptr;

bool submit_to_own_pool() {
  try {
    own_pool->apply_async(square, 1);
  } catch (const mp::UsageError&) {
    return true;
  }
  return false;
}

TEST(HostileTaskOnce, that_submits_to_its_own_pool) {
  // Only a forked worker has the pool at all: to the others it cannot be passed.
  own_pool = nullptr;
  mp::Pool pool(1, {.start_method = mp::StartMethod::fork});
  own_pool = &pool;
  pool.apply([] {});
  // A worker that is forked now has a copy of the pool.
  ::kill(pool.apply(own_pid), SIGKILL);
  bool refused = false;
  for (bool done = false; !done;) {
    try {
      refused = pool.apply([] { return own_pool == nullptr || submit_to_own_pool(); });
      done = true;
    } catch (const mp::WorkerDied&) {
      // That task was given to the worker that was about to die.
    }
  }
  EXPECT_TRUE(refused);
  own_pool = nullptr;
}

TEST_P(HostileTask, submitted_to_a_closed_pool) {
  mp::Pool pool = make(1);
  pool.close();
  EXPECT_THROW(pool.apply_async(square, 1), mp::UsageError);
  EXPECT_THROW(pool.map(square, std::vector<int>{1, 2}), mp::UsageError);
  EXPECT_THROW(pool.resize(3), mp::UsageError);
}

TEST_P(HostileTask, with_options_at_their_limits) {
  mp::Pool pool = make(2);
  const std::vector<int> numbers{1, 2, 3, 4, 5};
  const std::vector<int> squares{1, 4, 9, 16, 25};
  EXPECT_EQ(pool.map({.chunksize = 0}, square, numbers), squares);  // automatic
  EXPECT_EQ(pool.map({.chunksize = 1'000'000}, square, numbers), squares);
  EXPECT_EQ(pool.map({.buffersize = 0}, square, numbers), squares);
  EXPECT_THROW(pool.map({.chunksize = -1}, square, numbers), mp::UsageError);
  EXPECT_TRUE(pool.map(square, std::vector<int>{}).empty());
  pool.map([](int) {}, std::vector<int>{});
  for (auto& result : pool.imap(square, std::vector<int>{})) ADD_FAILURE() << result;
  pool.parallel_for(0, [](std::size_t, std::size_t) { std::abort(); });
  EXPECT_TRUE(mp::wait(std::vector<mp::Future<int>>{}).done.empty());
  for (auto& future : mp::as_completed(std::vector<mp::Future<int>>{}))
    ADD_FAILURE() << future.get();

  // A time limit that is over before the task begins ends it as soon as it has begun.
  EXPECT_THROW(pool.apply({.timeout = 0s}, wait_for_ever), mp::TimeoutError);
  EXPECT_THROW(pool.apply({.timeout = -1s}, wait_for_ever), mp::TimeoutError);
  EXPECT_EQ(pool.map(square, numbers), squares);

  // A negative time to wait is none at all.
  const mp::Event open;
  const auto slow = pool.apply_async(held, open, 1);
  EXPECT_FALSE(slow.wait(-1s));
  EXPECT_THROW(slow.get(-1s), mp::TimeoutError);
  open.set();
  EXPECT_EQ(slow.get(), 1);
  EXPECT_EQ(slow.get(-1s), 1);
}

ROYONG_EVERY_START_METHOD(HostileTask);

}  // namespace
}  // namespace royong_test
