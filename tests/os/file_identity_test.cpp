// SPDX-License-Identifier: Apache-2.0
#include "os/file_identity.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>  // for std::filesystem::exists
#include <string>      // for std::string

#include "mock.hpp"
#include "os/fd.hpp"
#include "support/temp_dir.hpp"

namespace royong::os {
namespace {

using royong_test::fail;
using royong_test::Mock;
using royong_test::TempDir;

TEST(FileIdentity, of_a_descriptor_and_of_its_name_match) {
  const TempDir folder;
  const std::string path = (folder / "file").string();
  const Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const auto named = identity_at(path);
  ASSERT_TRUE(named.has_value());
  EXPECT_TRUE(named->matches(identity_of(file.get())));
  EXPECT_TRUE(identity_of(file.get()).matches(*named));
  EXPECT_FALSE(named->matches(identity_at(folder.path()).value()));
  EXPECT_FALSE(identity_at(path + ".no").has_value());
}

TEST(FileIdentity, is_that_of_a_link_and_not_of_its_target) {
  const TempDir folder;
  const std::string link = (folder / "link").string();
  ASSERT_EQ(::symlink(folder.path().c_str(), link.c_str()), 0);
  EXPECT_FALSE(identity_at(link)->matches(*identity_at(folder.path())));
}

TEST(UnlinkFile, removes_the_file_and_no_other_with_its_name) {
  const TempDir folder;
  const std::string path = (folder / "file").string();
  const Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const FileIdentity ours = identity_at(path).value();
  auto other = ours;
  ++other.inode;
  EXPECT_EQ(unlink_file(path, other), ENOENT);
  other = ours;
  ++other.device;
  EXPECT_EQ(unlink_file(path, other), ENOENT);
  EXPECT_EQ(unlink_file(path, ours), 0);
  EXPECT_EQ(unlink_file(path, ours), ENOENT);
}

TEST(UnlinkFile, tells_a_file_from_a_later_one_with_its_inode_number) {
  const TempDir folder;
  const std::string path = (folder / "file").string();
  const auto made_at = [](std::uint32_t nanoseconds) {
    static std::uint32_t birth;
    birth = nanoseconds;
    return +[](int, const char*, int, unsigned, struct statx* out) {
      *out = {};
      out->stx_mask = STATX_INO | STATX_BTIME;
      out->stx_ino = 7;
      out->stx_btime.tv_nsec = birth;
      return 0;
    };
  };
  const Fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  FileIdentity ours;
  {
    const Mock mock(&Syscalls::statx, made_at(1));
    ours = identity_at(path).value();
  }
  const Mock mock(&Syscalls::statx, made_at(2));
  EXPECT_EQ(unlink_file(path, ours), ENOENT);
  EXPECT_TRUE(std::filesystem::exists(path));
  ours.birth = 0;  // a file system that keeps none
  EXPECT_EQ(unlink_file(path, ours), 0);
}

TEST(UnlinkFile, tells_what_went_wrong) {
  const TempDir folder;
  const auto ours = identity_at(folder.path()).value();
  EXPECT_EQ(unlink_file(folder.path().string(), ours), EISDIR);
  const Mock mock(
      &Syscalls::statx,
      +[](int, const char*, int, unsigned, struct statx*) { return fail(EACCES); });
  EXPECT_EQ(unlink_file(folder.path().string(), ours), EACCES);
}

}  // namespace
}  // namespace royong::os
