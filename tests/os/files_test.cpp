// SPDX-License-Identifier: Apache-2.0
#include "os/files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>  // for std::all_of
#include <cctype>     // for std::isxdigit
#include <cstring>    // for std::memset

#include "mock.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

TEST(FilesTest, ReadsAFileThatDoesNotKnowItsSize) {
  EXPECT_NE(read_file("/proc/self/status").find("Pid:"), std::string::npos);
}

TEST(FilesTest, NamesTheFileThatCannotBeRead) {
  EXPECT_EQ(error_of([] { read_file("/no/such/file"); }),
            "cannot open /no/such/file: No such file or directory");
  EXPECT_EQ(error_of([] { read_file("/dev/zero", 1000); }),
            "cannot read /dev/zero: File too large");
}

TEST(FilesTest, RepeatsInterruptedReads) {
  static int calls;
  calls = 0;
  const Mock mock(
      &Syscalls::read, +[](int fd, void* out, std::size_t size) {
        return ++calls % 2 == 1 ? fail<ssize_t>(EINTR) : ::read(fd, out, size);
      });
  EXPECT_FALSE(read_file("/proc/self/stat").empty());
}

TEST(FilesTest, SaysThatDescriptorsRanOut) {
  const Mock mock(&Syscalls::open, +[](const char*, int) { return fail(EMFILE); });
  EXPECT_EQ(error_of([] { read_file("/proc/self/stat"); }),
            "cannot open /proc/self/stat: Too many open files");
}

TEST(FilesTest, ReadsALinkOfAnyLength) {
  const Mock mock(
      &Syscalls::readlink, +[](const char*, char* out, std::size_t size) {
        const std::size_t length = std::min<std::size_t>(size, 1000);
        std::memset(out, 'x', length);
        return static_cast<ssize_t>(length);
      });
  EXPECT_EQ(read_link("anything"), std::string(1000, 'x'));
}

TEST(SelfTest, ExecStartsThisProgramAgain) {
  EXPECT_EQ(read_link("/proc/self/exe").empty(), false);
  EXPECT_EQ(self_executable(), "/proc/self/exe");
}

TEST(SelfTest, UnderAToolNamesTheFileOfTheMainModule) {
  const std::string here = read_link("/proc/self/exe");
  const Mock mock(
      &Syscalls::stat, +[](const char*, struct stat* out) {
        *out = {};  // another file: valgrind's, or ld.so
        return 0;
      });
  EXPECT_EQ(self_executable(), here);
}

TEST(SelfTest, HasABuildId) {
  const std::string& id = program_id();
  EXPECT_GE(id.size(), 16U);
  EXPECT_TRUE(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c); }))
      << id;
}

}  // namespace
}  // namespace royong::os
