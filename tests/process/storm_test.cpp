// SPDX-License-Identifier: Apache-2.0
// SIGKILL at random instants: of parents while they start children, of the forkserver, of spares.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "process/every_start_method.hpp"
#include "process/spares.hpp"
#include "process/wait_for_ever.hpp"
#include "support/chaos.hpp"
#include "support/eventually.hpp"
#include "support/process_tree.hpp"
#include "support/random.hpp"

namespace royong_test {
namespace {

namespace memory = royong::memory;

class Storm : public EveryStartMethod {};

/// Starts children as fast as it can, some of which have children, until it is killed.
void start_without_end(mp::StartMethod method, const std::string& started) {
  std::vector<mp::Process> children;
  for (int i = 0;; ++i) {
    children.push_back(mp::get_context(method).process({.daemon = true}, wait_for_ever));
    children.back().start();
    if (i == 0) write_text(started, "1\n");
    if (children.size() == 4) {
      for (auto& child : children) child.kill();
      children.clear();
    }
  }
}

bool nobody_is_left() {
  for (const auto& process : descendants(::getpid()))
    if (!is_forkserver(process, ::getpid())) return false;
  return true;
}

TEST_P(Storm, of_killed_parents_leaves_no_orphan_no_slot_and_no_memory) {
  auto random = random_engine();
  const auto slots = memory::used_slots();
  std::uint64_t used = 0;
  for (int round = 0; round < 40; ++round) {
    const auto started = file(("started" + std::to_string(round)).c_str());
    auto parent = context().process(start_without_end, GetParam(), started);
    parent.start();
    // Half of the rounds end at some instant of its own start, half in the midst of its children's.
    if (round % 2 == 0) eventually([&] { return std::filesystem::exists(started); });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000));
    parent.kill();
    parent.join();
    eventually([&] { return memory::used_slots() == slots; });
    eventually(nobody_is_left);
    if (round == 5) used = memory::arena_usage().used;
  }
  EXPECT_LE(memory::arena_usage().used, used + (1 << 20));
}

ROYONG_EVERY_START_METHOD(Storm);

void run_once_and_tell(const std::string& path) {
  std::ofstream(path, std::ios::app) << 'x' << std::flush;
  std::exit(7);
}

/// Every process that was started has run, once.
void start_by_several_threads(const std::string& path, int rounds) {
  std::vector<std::thread> starters;
  for (int thread = 0; thread < 3; ++thread) {
    starters.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        auto process =
            mp::get_context(mp::StartMethod::forkserver).process(run_once_and_tell, path);
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 7);
      }
    });
  }
  for (auto& starter : starters) starter.join();
}

/// One that was killed is reaped when it is wanted again.
void replace_killed_server() {
  auto process = mp::get_context(mp::StartMethod::forkserver).process([] {});
  process.start();
  process.join();
}

TEST(ForkserverStorm, every_process_runs_once_however_often_the_server_is_killed) {
  const TempDir folder;
  const std::string path = folder / "ran";
  const auto slots = memory::used_slots();
  KillStorm storm(own_forkserver, {.longest = std::chrono::milliseconds(12)});
  start_by_several_threads(path, 80);
  EXPECT_GT(storm.stop(), 0u);
  EXPECT_EQ(std::filesystem::file_size(path), 240u);
  replace_killed_server();
  EXPECT_EQ(memory::used_slots(), slots);
  eventually(nobody_is_left);
}

TEST(SpareStorm, killed_spares_and_servers_leave_nothing_and_start_goes_on) {
  const auto slots = memory::used_slots();
  mp::set_warm_processes(3);
  std::mt19937_64 random = random_engine(1);
  {
    const auto any = [&random]() -> pid_t {
      const auto all = descendants(::getpid());
      return all.empty() ? 0 : all[random() % all.size()].pid;
    };
    KillStorm storm(any, {.longest = std::chrono::milliseconds(10)});
    std::vector<std::thread> starters;
    for (int thread = 0; thread < 3; ++thread) {
      starters.emplace_back([] {
        for (int round = 0; round < 60; ++round) {
          mp::Process process([] { std::exit(7); });
          process.start();
          process.join();
          const int code = process.exitcode().value_or(0);
          EXPECT_TRUE(code == 7 || code == -SIGKILL) << code;
        }
      });
    }
    for (auto& starter : starters) starter.join();
  }
  mp::set_warm_processes(0);
  replace_killed_server();
  eventually([&] { return memory::used_slots() == slots; });
  eventually(nobody_is_left);
  EXPECT_TRUE(mp::active_children().empty());
}

}  // namespace
}  // namespace royong_test
