// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"
#include "support/eventually.hpp"

namespace royong_test {
namespace {

namespace memory = royong::memory;

class Death : public EveryStartMethod {};

/// Writes its pid, then resists everything that can be resisted.
void resist(const std::string& path) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  write_text(path, std::to_string(::getpid()) + "\n");
  for (volatile bool busy = true; busy;) {
  }
}

void start_a_child_and_wait(const std::string& path, mp::StartMethod method) {
  auto child = mp::get_context(method).process(resist, path);
  child.start();
  wait_for_ever();
}

pid_t pid_in(const std::string& path) {
  for (;;) {
    const std::string text = read_text(path);
    if (text.ends_with('\n')) return std::stoi(text);
    std::this_thread::yield();
  }
}

TEST_P(Death, of_the_parent_kills_the_children_by_the_kernel) {
  auto parent = context().process(start_a_child_and_wait, file("pid"), GetParam());
  parent.start();
  const pid_t grandchild = pid_in(file("pid"));
  parent.kill();
  parent.join();
  eventually([&] { return ::kill(grandchild, 0) != 0; });
}

void start_a_grandchild(const std::string& path, mp::StartMethod method) {
  auto child = mp::get_context(method).process(start_a_child_and_wait, path, method);
  child.start();
  wait_for_ever();
}

TEST_P(Death, of_the_root_kills_the_whole_tree) {
  auto root = context().process(start_a_grandchild, file("pid"), GetParam());
  root.start();
  const pid_t leaf = pid_in(file("pid"));
  root.kill();
  root.join();
  eventually([&] { return ::kill(leaf, 0) != 0; });
}

TEST_P(Death, of_a_member_frees_the_slots_of_all_its_descendants) {
  const auto used_before = memory::used_slots();
  auto root = context().process(start_a_grandchild, file("pid"), GetParam());
  root.start();
  (void)pid_in(file("pid"));
  EXPECT_EQ(memory::used_slots(), used_before + 3);
  root.kill();
  root.join();
  eventually([&] { return memory::used_slots() == used_before; });
}

TEST_P(Death, at_any_instant_of_the_start_is_seen) {
  for (int round = 0; round < 60; ++round) {
    auto process = context().process(wait_for_ever);
    process.start();
    std::this_thread::sleep_for(std::chrono::microseconds(round * 17));
    process.kill();
    EXPECT_TRUE(process.join());
    EXPECT_EQ(process.exitcode(), -SIGKILL);
  }
  EXPECT_TRUE(mp::active_children().empty());
}

TEST_P(Death, of_one_child_does_not_touch_the_others) {
  auto victim = context().process(wait_for_ever);
  auto other = context().process(wait_for_ever);
  victim.start();
  other.start();
  victim.kill();
  victim.join();
  EXPECT_TRUE(other.is_alive());
  other.kill();
}

TEST_P(Death, returns_the_memory_of_the_arguments) {
  const auto before = memory::arena_usage().used;
  for (int round = 0; round < 10; ++round) {
    auto process =
        context().process([](const std::string&) { wait_for_ever(); }, std::string(1 << 20, 'x'));
    process.start();
    process.kill();
    process.join();
  }
  EXPECT_LE(memory::arena_usage().used, before + (4 << 20));
}

TEST_P(Death, of_the_parent_spares_a_detached_process) {
  const auto start_detached = [](const std::string& path, mp::StartMethod method) {
    const auto outlive = [](const std::string& p) {
      mp::parent_process()->join();
      write_text(p, std::to_string(::getpid()) + "\n");
    };
    auto child = mp::get_context(method).process({.detached = true}, outlive, path);
    child.start();
    write_text(path + ".started", "1\n");
    wait_for_ever();
  };
  auto parent = context().process(start_detached, file("pid"), GetParam());
  parent.start();
  (void)pid_in(file("pid.started"));
  parent.kill();
  parent.join();
  const pid_t survivor = pid_in(file("pid"));
  eventually([&] { return ::kill(survivor, 0) != 0; });
}

ROYONG_EVERY_START_METHOD(Death);

}  // namespace
}  // namespace royong_test
