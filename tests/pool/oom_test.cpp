// SPDX-License-Identifier: Apache-2.0
// The real OOM killer, in a control group of the test's own.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "support/subprocess.hpp"

namespace royong_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A control group below the test's own, with little memory. Needs the right to make one.
class SmallGroup {
 public:
  SmallGroup() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      if (const auto v1 = line.find(":memory:"); v1 != std::string::npos)
        make("/sys/fs/cgroup/memory" + line.substr(v1 + 8), "memory.limit_in_bytes");
      if (line.starts_with("0::")) make("/sys/fs/cgroup" + line.substr(3), "memory.max");
    }
  }
  ~SmallGroup() {
    if (folder_) ::rmdir(folder_->c_str());
  }
  SmallGroup(const SmallGroup&) = delete;
  SmallGroup& operator=(const SmallGroup&) = delete;

  const std::optional<std::string>& folder() const { return folder_; }

 private:
  void make(const std::string& parent, const std::string& limit) {
    const std::string folder = parent + "/royong_oom_" + std::to_string(::getpid());
    std::error_code error;
    if (folder_ || !fs::create_directory(folder, error)) return;
    if (std::ofstream(folder + "/" + limit) << "268435456" << std::flush) {
      std::ofstream(folder + "/memory.swap.max") << "0";
      folder_ = folder;
    } else {
      fs::remove(folder, error);
    }
  }

  std::optional<std::string> folder_;
};

TEST(OutOfMemory, a_worker_that_the_kernel_kills_is_told_with_the_oom_killer) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  GTEST_SKIP() << "a sanitizer's shadow memory counts, too";
#endif
  const SmallGroup group;
  if (!group.folder()) GTEST_SKIP() << "no right to make a control group with a memory limit";
  const Finished end =
      run({{std::string(ROYONG_TEST_PROGRAMS) + "/out_of_memory", *group.folder()}});
  if (end.output == "cannot enter\n") GTEST_SKIP() << "no right to enter the control group";
  EXPECT_THAT(end.output, HasSubstr("task 'hungry' was lost: worker "));
  EXPECT_THAT(end.output, HasSubstr("was killed by SIGKILL (the kernel's OOM killer has killed 1 "
                                    "process of this control group meanwhile)\nthen 4\n"));
  EXPECT_EQ(end.exit_code, 0) << end.error;
}

}  // namespace
}  // namespace royong_test
