// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <new>

#include "process/every_start_method.hpp"
#include "process/limits.hpp"

namespace royong_test {
namespace {

class Limits : public EveryStartMethod {
 protected:
  template <class F, class... Args>
  std::optional<int> exit_code_with(mp::ResourceLimits limits, F f, Args... args) {
    auto process = context().process({.limits = std::move(limits)}, f, args...);
    process.start();
    process.join();
    return process.exitcode();
  }
};

TEST_P(Limits, memory_beyond_the_limit_is_bad_alloc) {
  const auto allocate = [](std::size_t bytes) {
    try {
      std::vector<char> memory(bytes);
      std::exit(memory[bytes / 2] == 0 ? 10 : 11);
    } catch (const std::bad_alloc&) {
      std::exit(12);
    }
  };
  constexpr std::uint64_t mebi = 1 << 20;
  // A sanitizer's shadow is private memory as well; the limit leaves it room.
  EXPECT_EQ(exit_code_with({.memory = 2048 * mebi}, allocate, std::size_t{16 * mebi}), 10);
  EXPECT_EQ(exit_code_with({.memory = 2048 * mebi}, allocate, std::size_t{4096 * mebi}), 12);
}

TEST_P(Limits, too_much_processor_time_is_SIGXCPU) {
  const auto burn = [] {
    for (volatile bool busy = true; busy;) {
    }
  };
  EXPECT_EQ(exit_code_with({.cpu = 1}, burn), -SIGXCPU);
}

TEST_P(Limits, niceness_is_added) {
  const auto tell = [](int before) { std::exit(::getpriority(PRIO_PROCESS, 0) - before + 20); };
  EXPECT_EQ(exit_code_with({.nice = 3}, tell, ::getpriority(PRIO_PROCESS, 0)), 23);
}

TEST_P(Limits, affinity_holds_for_the_process_and_not_for_others) {
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof(before), &before);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  const auto tell = [](int expected) {
    cpu_set_t mine;
    ::sched_getaffinity(0, sizeof(mine), &mine);
    std::exit(CPU_COUNT(&mine) == 1 && CPU_ISSET(expected, &mine) && mp::cpu_count() == 1 ? 7 : 8);
  };
  EXPECT_EQ(exit_code_with({.affinity = {first}}, tell, first), 7);
  // The forkserver's own affinity must not have changed either.
  const auto count = [] {
    cpu_set_t mine;
    ::sched_getaffinity(0, sizeof(mine), &mine);
    std::exit(CPU_COUNT(&mine));
  };
  EXPECT_EQ(exit_code_with({}, count), CPU_COUNT(&before));
}

TEST_P(Limits, oom_score_is_set) {
  const auto tell = [] {
    int score = 0;
    std::ifstream("/proc/self/oom_score_adj") >> score;
    std::exit(score == 500 ? 7 : 8);
  };
  EXPECT_EQ(exit_code_with({.oom_score_adj = 500}, tell), 7);
}

TEST_P(Limits, an_impossible_processor_ends_the_process_with_a_reason) {
  EXPECT_EQ(exit_code_with({.affinity = {1000}}, [] {}), 1);
}

TEST_P(Limits, only_the_named_paths_can_be_written) {
  if (!royong::detail::can_restrict_writes()) {
    EXPECT_THROW(exit_code_with({.writable_paths = {"/tmp"}}, [] {}), mp::UsageError);
    return;
  }
  const auto try_both = [](const std::string& inside, const std::string& outside) {
    const bool in = static_cast<bool>(std::ofstream(inside) << "x");
    const bool out = static_cast<bool>(std::ofstream(outside) << "x");
    std::exit(in && !out ? 7 : 8);
  };
  const TempDir allowed;
  EXPECT_EQ(exit_code_with({.writable_paths = {allowed.path()}}, try_both, (allowed / "a").string(),
                           file("b")),
            7);
}

TEST_P(Limits, no_network_leaves_unix_sockets_only) {
  if (!royong::detail::can_forbid_network()) {
    EXPECT_THROW(exit_code_with({.no_network = true}, [] {}), mp::UsageError);
    return;
  }
  const auto try_both = [] {
    const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
    const int error = errno;
    const int local = ::socket(AF_UNIX, SOCK_STREAM, 0);
    std::exit(tcp < 0 && error == EACCES && local >= 0 ? 7 : 8);
  };
  EXPECT_EQ(exit_code_with({.no_network = true}, try_both), 7);
}

ROYONG_EVERY_START_METHOD(Limits);

}  // namespace
}  // namespace royong_test
