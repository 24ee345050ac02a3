// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "process/every_start_method.hpp"
#include "process/wait_for_ever.hpp"
#include "royong/error.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;

class Lifecycle : public EveryStartMethod {};

void write_pid(const std::string& path) { write_text(path, std::to_string(::getpid())); }
TEST_P(Lifecycle, the_function_runs_in_a_process_of_its_own) {
  auto process = context().process(write_pid, file("pid"));
  process.start();
  EXPECT_TRUE(process.join());
  EXPECT_EQ(read_text(file("pid")), std::to_string(process.pid().value()));
  EXPECT_NE(process.pid(), ::getpid());
}

TEST_P(Lifecycle, arguments_arrive_as_values) {
  struct Order {
    std::string item;
    int count;
    std::vector<double> prices;
  };
  const auto print = [](const std::string& path, const Order& order, std::optional<char> mark) {
    write_text(path, order.item + "x" + std::to_string(order.count) + "@" +
                         std::to_string(static_cast<int>(order.prices.at(1))) + mark.value());
  };
  auto process = context().process(print, file("out"), Order{"bolt", 3, {1.5, 2.0}}, '!');
  process.start();
  process.join();
  EXPECT_EQ(read_text(file("out")), "boltx3@2!");
}

TEST_P(Lifecycle, before_the_start_there_is_no_pid_and_nothing_alive) {
  auto process = context().process(wait_for_ever);
  EXPECT_FALSE(process.pid());
  EXPECT_FALSE(process.is_alive());
  EXPECT_FALSE(process.exitcode());
}

TEST_P(Lifecycle, a_running_process_is_alive_and_has_no_exit_code) {
  auto process = context().process(wait_for_ever);
  process.start();
  EXPECT_TRUE(process.is_alive());
  EXPECT_FALSE(process.exitcode());
  EXPECT_FALSE(process.join(0s));
  process.kill();
  EXPECT_TRUE(process.join());
  EXPECT_FALSE(process.is_alive());
}

TEST_P(Lifecycle, join_may_be_repeated) {
  auto process = context().process([] {});
  process.start();
  EXPECT_TRUE(process.join());
  EXPECT_TRUE(process.join());
  EXPECT_TRUE(process.join(0s));
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(Lifecycle, several_threads_may_join_one_process) {
  auto process = context().process(wait_for_ever);
  process.start();
  std::vector<std::thread> joiners;
  for (int i = 0; i < 4; ++i) joiners.emplace_back([&] { EXPECT_TRUE(process.join()); });
  process.terminate();
  for (auto& joiner : joiners) joiner.join();
  EXPECT_EQ(process.exitcode(), -SIGTERM);
}

TEST_P(Lifecycle, the_sentinel_becomes_readable_at_the_end) {
  auto process = context().process(wait_for_ever);
  process.start();
  pollfd end{process.sentinel(), POLLIN, 0};
  EXPECT_EQ(::poll(&end, 1, 0), 0);
  process.kill();
  EXPECT_EQ(::poll(&end, 1, -1), 1);
}

TEST_P(Lifecycle, a_process_started_by_a_thread_lives_on_after_that_thread) {
  auto process = context().process(wait_for_ever);
  std::thread([&] { process.start(); }).join();
  EXPECT_FALSE(process.join(50ms));
  process.terminate();
  EXPECT_TRUE(process.join());
  EXPECT_EQ(process.exitcode(), -SIGTERM);
}

TEST_P(Lifecycle, the_destructor_waits_for_the_function) {
  {
    auto process = context().process(write_pid, file("pid"));
    process.start();
  }
  EXPECT_NE(read_text(file("pid")), "");
}

TEST_P(Lifecycle, the_destructor_of_a_daemon_ends_it) {
  auto process = context().process({.daemon = true}, wait_for_ever);
  process.start();
}

TEST_P(Lifecycle, a_moved_process_is_the_same_process) {
  auto first = context().process(wait_for_ever);
  first.start();
  const auto pid = first.pid();
  mp::Process second = std::move(first);
  EXPECT_EQ(second.pid(), pid);
  second.kill();
  EXPECT_TRUE(second.join());
}

TEST_P(Lifecycle, standard_input_is_empty) {
  const auto read_input = [] {
    char byte = 0;
    std::exit(::read(STDIN_FILENO, &byte, 1) == 0 ? 7 : 8);
  };
  auto process = context().process(read_input);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST_P(Lifecycle, many_processes_run_at_once) {
  std::vector<mp::Process> processes;
  for (int i = 0; i < 20; ++i)
    processes.push_back(context().process([](int n) { std::exit(n); }, i));
  for (auto& process : processes) process.start();
  for (int i = 0; i < 20; ++i) {
    processes[static_cast<std::size_t>(i)].join();
    EXPECT_EQ(processes[static_cast<std::size_t>(i)].exitcode(), i);
  }
}

TEST_P(Lifecycle, processes_are_started_by_several_threads_at_once) {
  std::vector<std::thread> starters;
  for (int i = 0; i < 4; ++i) {
    starters.emplace_back([this] {
      for (int round = 0; round < 5; ++round) {
        auto process = context().process([] { std::exit(3); });
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 3);
      }
    });
  }
  for (auto& starter : starters) starter.join();
}

TEST_P(Lifecycle, a_large_argument_arrives_whole) {
  std::vector<std::uint64_t> numbers(1 << 20);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i * i;
  const auto check = [](const std::vector<std::uint64_t>& got) {
    for (std::size_t i = 0; i < got.size(); ++i)
      if (got[i] != i * i) std::exit(1);
    std::exit(got.size() == 1 << 20 ? 5 : 2);
  };
  auto process = context().process(check, numbers);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 5);
}

ROYONG_EVERY_START_METHOD(Lifecycle);

TEST(ForkContext, runs_what_captures_references_and_owns_pointers) {
  int seen = 41;
  auto owned = std::make_unique<int>(1);
  auto process = mp::fork_context().process(
      [&seen](std::unique_ptr<int> one) { std::exit(seen + *one); }, std::move(owned));
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 42);
  EXPECT_EQ(seen, 41);
}

}  // namespace
}  // namespace royong_test
