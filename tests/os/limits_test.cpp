// SPDX-License-Identifier: Apache-2.0
#include "os/limits.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>     // for ::mkdtemp
#include <filesystem>  // for std::filesystem
#include <fstream>     // for std::ofstream

#include "mock.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;
namespace fs = std::filesystem;

// A folder that stands for "/".
class CgroupTest : public testing::Test {
 protected:
  CgroupTest() {
    std::string name = fs::temp_directory_path() / "royong-limits-XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~CgroupTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(CgroupTest, ReadsTheTightestLimitOfVersion2) {
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  write("/sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/outer/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "1048576\n");
  EXPECT_EQ(cgroup_cpus(root_), 1.5);
  EXPECT_EQ(cgroup_memory(root_), 1048576U);
}

TEST_F(CgroupTest, CountsWhatTheOomKillerDidInThisGroupOrOnTheMachine) {
  EXPECT_EQ(oom_kills(root_), std::nullopt);
  write("/proc/vmstat", "pgfault 12\noom_kill 5\n");
  EXPECT_EQ(oom_kills(root_), (OomKills{5, true}));
  write("/proc/self/cgroup", "4:memory:/job\n0::/inner\n");
  write("/sys/fs/cgroup/memory/job/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  EXPECT_EQ(oom_kills(root_), (OomKills{3, false}));
  write("/proc/self/cgroup", "0::/inner\n");
  write("/sys/fs/cgroup/inner/memory.events", "low 0\noom 2\noom_kill 1\n");
  EXPECT_EQ(oom_kills(root_), (OomKills{1, false}));
}

TEST_F(CgroupTest, ReadsVersion1) {
  write("/proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n");
  write("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
  write("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(cgroup_cpus(root_), 0.5);
  EXPECT_EQ(cgroup_memory(root_), 4096U);
}

TEST_F(CgroupTest, InAContainerFindsTheGroupAtTheMount) {
  write("/proc/self/cgroup", "0::/not/visible/here\n");
  write("/sys/fs/cgroup/memory.max", "8192\n");
  EXPECT_EQ(cgroup_memory(root_), 8192U);
}

TEST_F(CgroupTest, FindsNoLimitInNothingAndInNonsense) {
  EXPECT_FALSE(cgroup_cpus(root_));
  write("/proc/self/cgroup", "nonsense\n::\n0::/a\n");
  write("/sys/fs/cgroup/a/cpu.max", "many\n");
  write("/sys/fs/cgroup/a/memory.max", "\n");
  EXPECT_FALSE(cgroup_cpus(root_));
  EXPECT_FALSE(cgroup_memory(root_));
}

TEST_F(CgroupTest, AvailableCpusAreTheAffinityCutByTheQuotaRoundedUp) {
  const int all = static_cast<int>(affinity().size());
  EXPECT_EQ(available_cpus(root_), all);
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "1000 100000\n");
  EXPECT_EQ(available_cpus(root_), 1);
  write("/sys/fs/cgroup/cpu.max", "110000 100000\n");
  EXPECT_EQ(available_cpus(root_), std::min(all, 2));
  write("/sys/fs/cgroup/cpu.max", "99900000 100000\n");
  EXPECT_EQ(available_cpus(root_), all);
}

TEST_F(CgroupTest, ReadsTheMachinesMemory) {
  write("/proc/meminfo", "MemFree: 5 kB\nMemTotal:       2048 kB\n");
  EXPECT_EQ(total_memory(root_), 2048U << 10);
  write("/proc/meminfo", "nonsense\n");
  EXPECT_NE(error_of([&] { total_memory(root_); }), "");
  EXPECT_GT(total_memory(), 1U << 20);
}

TEST_F(CgroupTest, ReadsWhatTheProcessHolds) {
  write("/proc/self/status", "Name:\tRssAnon:\nRssAnon:\t   16 kB\nVmSwap:\t 4 kB\n");
  EXPECT_EQ(own_memory(root_), 20U << 10);
  write("/proc/self/status", "RssAnon:\t   16 kB\n");
  EXPECT_NE(error_of([&] { own_memory(root_); }), "");
  const auto before = own_memory();
  const std::string more(std::size_t{16} << 20, 'x');
  EXPECT_GT(own_memory(), before + more.size() / 2);
}

TEST(AffinityTest, AsksWithALargerSetOnALargeMachine) {
  static std::size_t last;
  const Mock mock(
      &Syscalls::sched_getaffinity, +[](pid_t pid, std::size_t size, cpu_set_t* out) {
        last = size;
        return size < 4096 ? fail(EINVAL) : ::sched_getaffinity(pid, size, out);
      });
  EXPECT_FALSE(affinity().empty());
  EXPECT_EQ(last, 4096U);
}

TEST(AffinityTest, RefusesProcessorsThatCannotBe) {
  EXPECT_NE(error_of([] { set_affinity({-1}); }), "");
  EXPECT_NE(error_of([] { set_affinity({1 << 20}); }), "");
  EXPECT_NE(error_of([] { set_affinity({}); }), "");
}

template <class Body>
int exit_code_of(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(LimitsTest, AChildGetsWhatWasSet) {
  EXPECT_EQ(exit_code_of([] {
              const int cpu = affinity().back();
              set_affinity({cpu});
              add_niceness(3);
              set_limit(RLIMIT_CORE, 0, 0);
              set_oom_score_adj(500);
              const bool right = affinity() == std::vector{cpu} &&
                                 ::getpriority(PRIO_PROCESS, 0) == 3 &&
                                 get_limit(RLIMIT_CORE).rlim_max == 0;
              return right ? 0 : 1;
            }),
            0);
}

TEST(LimitsTest, TellsWhatCouldNotBeSet) {
  const Mock mock(&Syscalls::setrlimit, +[](int, const rlimit*) { return fail(EPERM); });
  EXPECT_EQ(error_of([] { set_limit(RLIMIT_CORE, 1, 1); }),
            "cannot set a resource limit: Operation not permitted");
}

}  // namespace
}  // namespace royong::os
