// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "memory/slots.hpp"
#include "process/every_start_method.hpp"
#include "process/spares.hpp"
#include "royong/error.hpp"
#include "support/eventually.hpp"
#include "support/process_tree.hpp"

namespace royong_test {
namespace {

using royong::detail::ready_spares;

/// Ends the spares of each case.
class Warm : public testing::Test {
 protected:
  void TearDown() override { mp::set_warm_processes(0); }

  static void make_ready(int count) {
    mp::set_warm_processes(count);
    eventually([&] { return ready_spares() == count; });
  }

  static std::vector<pid_t> spare_pids() {
    std::vector<pid_t> pids;
    for (const auto& process : descendants(::getpid()))
      if (!is_forkserver(process, ::getpid())) pids.push_back(process.pid);
    return pids;
  }
};

TEST_F(Warm, processes_run_what_comes_later) {
  make_ready(1);
  const auto pids = spare_pids();
  ASSERT_EQ(pids.size(), 1u);
  mp::Process process([](int code) { std::exit(code); }, 7);
  process.start();
  EXPECT_EQ(process.pid(), pids[0]);
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_F(Warm, processes_are_replaced_when_they_are_used) {
  make_ready(2);
  for (int i = 0; i < 5; ++i) {
    mp::Process process([] {});
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  eventually([] { return ready_spares() == 2; });
}

TEST_F(Warm, processes_are_no_children_before_they_are_used) {
  make_ready(2);
  EXPECT_TRUE(mp::active_children().empty());
}

TEST_F(Warm, processes_that_were_killed_are_passed_over) {
  make_ready(2);
  for (const pid_t pid : spare_pids()) {
    ::kill(pid, SIGKILL);
    // Dead, not merely dying: a process that is killed while it is started is started and killed.
    eventually([pid] { return process_info(pid)->state == 'Z'; });
  }
  mp::Process process([] { std::exit(7); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_F(Warm, processes_obey_the_limits_of_what_they_run) {
  make_ready(1);
  mp::Process process({.name = "niced", .limits = {.nice = 5}},
                      [] { std::exit(mp::current_process().name() == "niced" ? ::nice(0) : 90); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), ::nice(0) + 5);
}

TEST_F(Warm, processes_end_when_none_are_wanted) {
  const auto slots = royong::memory::used_slots();
  make_ready(3);
  EXPECT_EQ(royong::memory::used_slots(), slots + 3);
  mp::set_warm_processes(0);
  EXPECT_EQ(ready_spares(), 0);
  EXPECT_EQ(royong::memory::used_slots(), slots);
}

TEST_F(Warm, processes_cannot_be_fewer_than_none) {
  EXPECT_THROW(mp::set_warm_processes(-1), mp::UsageError);
}

}  // namespace
}  // namespace royong_test
