// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>

#include "process/every_start_method.hpp"

namespace royong_test {
namespace {

class Nesting : public EveryStartMethod {};

/// Exits with the number of processes below and including this one.
void count_down(int depth, mp::StartMethod method) {
  if (depth == 0) std::exit(1);
  auto child = mp::get_context(method).process(count_down, depth - 1, method);
  child.start();
  child.join();
  std::exit(child.exitcode().value() + 1);
}

TEST_P(Nesting, processes_start_processes) {
  auto process = context().process(count_down, 3, GetParam());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 4);
}

TEST_P(Nesting, daemons_may_have_children) {
  auto process = context().process({.daemon = true}, count_down, 1, GetParam());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 2);
}

TEST_P(Nesting, a_return_waits_for_children_and_ends_daemons) {
  const auto leave_two = [](const std::string& path, mp::StartMethod method) {
    // Handles of their own would wait in their destructors: this is about the exit order.
    static auto* worker = new mp::Process(
        mp::get_context(method).process([](const std::string& p) { write_text(p, "done"); }, path));
    static auto* daemon = new mp::Process(mp::get_context(method).process({.daemon = true}, [] {
      for (;;) ::pause();
    }));
    worker->start();
    daemon->start();
  };
  auto process = context().process(leave_two, file("out"), GetParam());
  process.start();
  EXPECT_TRUE(process.join());
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(read_text(file("out")), "done");
}

TEST_P(Nesting, names_say_who_is_whose_child) {
  const auto tell = [](const std::string& path, mp::StartMethod method) {
    mp::Process child(mp::get_context(method).process(
        [](const std::string& p) {
          write_text(p, mp::current_process().name() + " of " + mp::parent_process()->name());
        },
        path));
    child.start();
  };
  auto process = context().process({.name = "Process-7"}, tell, file("out"), GetParam());
  process.start();
  process.join();
  EXPECT_EQ(read_text(file("out")), "Process-7:1 of Process-7");
}

ROYONG_EVERY_START_METHOD(Nesting);

}  // namespace
}  // namespace royong_test
