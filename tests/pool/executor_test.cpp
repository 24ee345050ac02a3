// SPDX-License-Identifier: Apache-2.0
// How the work of a ProcessPoolExecutor is broken off, by every start method.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

class Executor : public EveryStartMethod {
 protected:
  mp::ProcessPoolExecutor make(int workers) {
    return mp::ProcessPoolExecutor(workers, {.start_method = GetParam()});
  }
};

/// Where a worker leaves word that it got SIGTERM.
std::string& word_of_sigterm() {
  static std::string path;
  return path;
}

int wait_for_sigterm(const std::string& path, const mp::Event& ready) {
  word_of_sigterm() = path;
  ::signal(SIGTERM, [](int) {
    ::creat(word_of_sigterm().c_str(), 0600);
    ::_exit(0);
  });
  ready.set();
  return wait_for_ever();
}

/// One task has ended, one runs, one waits.
void expect_broken_off(mp::ProcessPoolExecutor& executor, const std::string& at_sigterm,
                       const std::function<void()>& break_off) {
  const auto ended = executor.submit(square, 3);
  ended.wait();
  const mp::Event ready;
  const auto running = executor.submit(wait_for_sigterm, at_sigterm, ready);
  const auto waiting = executor.submit(square, 4);
  ready.wait();
  break_off();
  EXPECT_EQ(ended.result(), 9);
  EXPECT_THROW(running.result(), mp::CancelledError);
  EXPECT_THROW(waiting.result(), mp::CancelledError);
  EXPECT_THROW(executor.submit(square, 5), mp::UsageError);
}

TEST_P(Executor, terminates_its_workers_by_sigterm_and_cancels_what_has_not_ended) {
  mp::ProcessPoolExecutor executor = make(1);
  expect_broken_off(executor, file("sigterm"), [&] { executor.terminate_workers(); });
  eventually([&] { return std::filesystem::exists(file("sigterm")); });
  executor.shutdown();
  EXPECT_TRUE(mp::active_children().empty());
}

TEST_P(Executor, kills_its_workers_without_sigterm_and_cancels_what_has_not_ended) {
  mp::ProcessPoolExecutor executor = make(1);
  expect_broken_off(executor, file("sigterm"), [&] { executor.kill_workers(); });
  executor.shutdown();
  EXPECT_TRUE(mp::active_children().empty());
  EXPECT_FALSE(std::filesystem::exists(file("sigterm")));
}

TEST_P(Executor, that_was_terminated_can_still_be_killed) {
  mp::ProcessPoolExecutor executor = make(1);
  const mp::Event ready;
  const auto stubborn = executor.submit(
      [](const mp::Event& here) {
        ::signal(SIGTERM, SIG_IGN);
        here.set();
        wait_for_ever();
      },
      ready);
  ready.wait();
  const auto workers = mp::active_children();
  executor.terminate_workers();
  executor.kill_workers();
  for (const auto& worker : workers) EXPECT_TRUE(worker.join());
  EXPECT_THROW(stubborn.result(), mp::CancelledError);
}

TEST_P(Executor, shuts_down_at_once_and_cancels_what_no_worker_has_begun) {
  mp::ProcessPoolExecutor executor = make(1);
  const mp::Event open;
  const auto running = executor.submit(held, open, 1);
  std::vector<mp::Future<int>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(executor.submit(square, i));
  eventually([&] { return running.running(); });
  executor.shutdown(false, true);
  for (const auto& future : waiting) {
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.result(), mp::CancelledError);
  }
  EXPECT_FALSE(running.done());
  EXPECT_THROW(executor.submit(square, 1), mp::UsageError);
  open.set();
  EXPECT_EQ(running.result(), 1);
  executor.shutdown();
  EXPECT_TRUE(mp::active_children().empty());
}

ROYONG_EVERY_START_METHOD(Executor);

}  // namespace
}  // namespace royong_test
