// SPDX-License-Identifier: Apache-2.0
// Handles on their way to and from workers: whatever becomes of the message, no object outlives those who want it.
#include <signal.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "memory/objects.hpp"
#include "pool/functions.hpp"
#include "pool/small_arena.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

using mp::memory::live_objects;

using Locks = std::vector<mp::Lock>;

Locks make_locks(int count) { return Locks(static_cast<std::size_t>(count)); }

std::pair<mp::Lock, std::string> make_large(std::size_t size) {
  return {mp::Lock(), std::string(size, 'x')};
}

/// Its process dies when it is half written.
struct Deadly {
  mp::Lock lock;
  mp::Event event;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(lock);
    if constexpr (Archive::is_saving) ::kill(::getpid(), SIGKILL);
    archive(event);
  }
};

Deadly make_deadly() { return {}; }

/// What is written can be read only in part.
struct Unreadable {
  mp::Lock lock;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(lock);
    if constexpr (Archive::is_loading) throw mp::TransferError("as planned");
  }
};

Unreadable make_unreadable() { return {}; }

int use_lock(const mp::Lock& lock, int ms) {
  const std::scoped_lock guard(lock);
  return sleep_ms(ms);
}

class Handles : public EveryStartMethod {
 protected:
  mp::Pool make(int processes = 2, mp::PoolOptions options = {}) {
    options.start_method = GetParam();
    mp::Pool pool(processes, std::move(options));
    pool.resize(
        pool.size());  // workers have objects, too: they are there when the test begins to count
    return pool;
  }
  /// A worker may still hold what it made when its result is here.
  static void expect_objects(std::uint64_t count) {
    eventually([&] { return live_objects() == count; });
  }
};

TEST_P(Handles, in_a_result_live_while_its_future_does) {
  mp::Pool pool = make();
  const auto before = live_objects();
  {
    const auto unread = pool.apply_async(make_locks, 3);
    unread.wait();
    expect_objects(before + 3);
    const auto read = pool.apply_async(make_locks, 2);
    const Locks locks = read.get();
    const Locks again = read.get();
    EXPECT_TRUE(locks[0].acquire());
    EXPECT_FALSE(again[0].acquire(false));
    locks[0].release();
    expect_objects(before + 5);
  }
  expect_objects(before);
}

TEST_P(Handles, in_a_result_too_large_for_the_ring_live_while_its_future_does) {
  mp::Pool pool = make(1);
  const auto before = live_objects();
  {
    const auto unread = pool.apply_async(make_large, std::size_t{200'000});
    unread.wait();
    expect_objects(before + 1);
    const auto [lock, text] = pool.apply(make_large, std::size_t{300'000});
    EXPECT_TRUE(lock.acquire());
    lock.release();
    EXPECT_EQ(text.size(), 300'000U);
  }
  expect_objects(before);
}

TEST_P(Handles, in_results_that_nobody_wants_are_let_go_of) {
  mp::Pool pool = make();
  const auto before = live_objects();
  for (int i = 0; i < 100; ++i) pool.apply_async(make_locks, 1);
  EXPECT_EQ(pool.apply(square, 3), 9);
  pool.map(make_locks, std::vector<int>(20, 2));
  EXPECT_THROW(pool.map(
                   {.chunksize = 1},
                   [](int x) { return x == 7 ? throw std::runtime_error("no") : make_locks(x); },
                   std::vector<int>{1, 2, 7, 3, 1}),
               std::runtime_error);
  expect_objects(before);
}

TEST_P(Handles, in_results_that_cannot_be_read_are_let_go_of) {
  mp::Pool pool = make(1);
  const auto before = live_objects();
  {
    const auto future = pool.apply_async(make_unreadable);
    EXPECT_THROW(future.get(), mp::TransferError);
    EXPECT_THROW(future.get(), mp::TransferError);
  }
  expect_objects(before);
}

TEST_P(Handles, in_results_of_a_worker_that_dies_while_it_writes_them_are_let_go_of) {
  mp::Pool pool = make(1);
  const auto before = live_objects();
  for (int i = 0; i < 3; ++i) EXPECT_THROW(pool.apply(make_deadly), mp::WorkerDied);
  EXPECT_EQ(pool.apply(square, 3), 9);
  expect_objects(before);
}

TEST_P(Handles, in_results_that_do_not_fit_the_arena_are_let_go_of) {
  mp::Pool pool = make(1);
  const auto before = live_objects();
  {
    const SmallArena small(4 << 20);
    EXPECT_THROW(pool.apply(make_large, std::size_t{64} << 20), mp::ArenaFull);
  }
  expect_objects(before);
}

TEST_P(Handles, in_results_and_arguments_of_a_terminated_pool_are_let_go_of) {
  const auto before = live_objects();
  {
    mp::Pool pool = make();
    for (int i = 0; i < 50; ++i) pool.apply_async(make_locks, 1);
    for (int i = 0; i < 50; ++i) pool.apply_async(use_lock, mp::Lock(), 1);
    pool.terminate();
    pool.join();
  }
  expect_objects(before);
}

TEST_P(Handles, in_arguments_of_tasks_that_never_run_are_let_go_of) {
  mp::Pool pool = make(1);
  const auto before = live_objects();
  const auto running = pool.apply_async(use_lock, mp::Lock(), 50);
  std::vector<mp::Future<int>> cancelled;
  for (int i = 0; i < 20; ++i) cancelled.push_back(pool.apply_async(use_lock, mp::Lock(), 1));
  for (const auto& future : cancelled) future.cancel();
  const auto lost =
      pool.apply_async([](const mp::Lock&) { ::kill(::getpid(), SIGKILL); }, mp::Lock());
  EXPECT_EQ(running.get(), 50);
  EXPECT_THROW(lost.get(), mp::WorkerDied);
  // Their futures still live.
  expect_objects(before);
}

TEST_P(Handles, in_a_process_that_never_starts_or_dies_at_once_are_let_go_of) {
  const auto before = live_objects();
  {
    const auto never = context().process(use_lock, mp::Lock(), 1);
    auto killed = context().process(use_lock, mp::Lock(), 1);
    killed.start();
    killed.kill();
    killed.join();
  }
  expect_objects(before);
}

TEST_P(Handles, of_a_pool_that_runs_tasks_inline_live_while_its_future_does) {
  mp::Pool pool = make(1, {.inline_tasks = true});
  const auto before = live_objects();
  {
    const auto unread = pool.apply_async(make_locks, 3);
    EXPECT_EQ(live_objects(), before + 3);
    EXPECT_TRUE(pool.apply(make_locks, 1)[0].acquire());
  }
  EXPECT_EQ(live_objects(), before);
}

ROYONG_EVERY_START_METHOD(Handles);

}  // namespace
}  // namespace royong_test
