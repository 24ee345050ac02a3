// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;

class View : public EveryStartMethod {};

TEST(MainProcess, has_a_name_and_no_parent) {
  EXPECT_EQ(mp::current_process().name(), "MainProcess");
  EXPECT_EQ(mp::current_process().pid(), ::getpid());
  EXPECT_TRUE(mp::current_process().is_alive());
  EXPECT_FALSE(mp::parent_process());
  EXPECT_FALSE(mp::is_worker());
}

TEST_P(View, of_the_current_process_is_the_one_the_parent_sees) {
  auto process = context().process(
      {.name = "Ada"},
      [](const std::string& path) {
        write_text(path, mp::current_process().name() +
                             std::to_string(mp::current_process().pid()) +
                             (mp::is_worker() ? "w" : "m"));
      },
      file("out"));
  process.start();
  process.join();
  EXPECT_EQ(read_text(file("out")), "Ada" + std::to_string(*process.pid()) + "w");
}

TEST_P(View, of_the_parent_is_alive_while_it_runs) {
  auto process = context().process(
      [](pid_t expected) {
        const auto parent = mp::parent_process();
        const bool right = parent && parent->pid() == expected && parent->is_alive() &&
                           parent->name() == "MainProcess" && !parent->join(0s);
        pollfd end{parent->sentinel(), POLLIN, 0};
        std::exit(right && ::poll(&end, 1, 0) == 0 ? 7 : 8);
      },
      ::getpid());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_P(View, of_the_children_shows_the_living) {
  auto first = context().process({.name = "first"}, wait_for_ever);
  auto second = context().process({.name = "second"}, wait_for_ever);
  first.start();
  second.start();
  auto children = mp::active_children();
  ASSERT_EQ(children.size(), 2u);
  for (const auto& child : children) {
    EXPECT_TRUE(child.name() == "first" || child.name() == "second");
    if (child.name() == "first") {
      child.kill();
      EXPECT_TRUE(child.join());
      EXPECT_FALSE(child.is_alive());
    }
  }
  children = mp::active_children();
  ASSERT_EQ(children.size(), 1u);
  EXPECT_EQ(children[0].name(), "second");
  children[0].terminate();
  second.join();
  EXPECT_EQ(second.exitcode(), -SIGTERM);
}

TEST_P(View, of_a_worker_knows_nothing_of_its_siblings) {
  auto sibling = context().process(wait_for_ever);
  sibling.start();
  auto process = context().process([] { std::exit(mp::active_children().empty() ? 7 : 8); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
  sibling.kill();
}

ROYONG_EVERY_START_METHOD(View);

TEST(CpuCount, is_positive_and_no_more_than_the_machine_has) {
  EXPECT_GE(mp::cpu_count(), 1);
  EXPECT_LE(mp::cpu_count(), ::sysconf(_SC_NPROCESSORS_CONF));
}

}  // namespace
}  // namespace royong_test
