// SPDX-License-Identifier: Apache-2.0
#include "os/fd.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>         // for std::array
#include <string>        // for std::string
#include <system_error>  // for std::system_error

#include "mock.hpp"
#include "os/error.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

std::string reported_;
void record(std::string_view message) noexcept { reported_ = message; }

class FdTest : public testing::Test {
 protected:
  FdTest() {
    reported_.clear();
    set_error_reporter(record);
  }
  ~FdTest() override { set_error_reporter(nullptr); }
};

TEST_F(FdTest, ClosesWhatItOwnsOnce) {
  int number = -1;
  {
    const Fd fd(::dup(0));
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
  EXPECT_EQ(reported_, "");
}

TEST_F(FdTest, MovesOwnershipAndReleasesIt) {
  Fd first(::dup(0));
  const int number = first.get();
  Fd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is tested
  Fd& same = second;
  second = std::move(same);
  EXPECT_EQ(second.get(), number);
  EXPECT_EQ(second.release(), number);
  EXPECT_FALSE(second);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST_F(FdTest, NeverRepeatsAnInterruptedClose) {
  static int calls;
  calls = 0;
  {
    const Mock mock(
        &Syscalls::close, +[](int) {
          ++calls;
          return fail(EINTR);
        });
    Fd(12345).reset();
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(reported_, "");
}

TEST_F(FdTest, ReportsAFailedCloseAndDoesNotThrow) {
  const Mock mock(&Syscalls::close, +[](int) { return fail(EIO); });
  {
    const Fd fd(12345);
  }
  EXPECT_EQ(reported_, "cannot close a descriptor: Input/output error");
}

TEST_F(FdTest, DuplicatesCloseOnExec) {
  const Fd copy = duplicate(0);
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), FD_CLOEXEC);
  set_close_on_exec(copy.get(), false);
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), 0);
}

TEST_F(FdTest, SaysThatDescriptorsRanOut) {
  const Mock mock(&Syscalls::fcntl, +[](int, int, long) { return fail(EMFILE); });
  EXPECT_EQ(error_of([] { duplicate(7); }), "cannot duplicate descriptor 7: Too many open files");
}

void expect_range_closed() {
  std::array<int, 3> fds{};
  for (std::size_t i = 0; i < fds.size(); ++i) {
    fds[i] = ::fcntl(0, F_DUPFD_CLOEXEC, 400 + static_cast<int>(i));
  }
  close_range(401, 401);
  EXPECT_TRUE(is_open(fds[0]));
  EXPECT_FALSE(is_open(fds[1]));
  EXPECT_TRUE(is_open(fds[2]));
  close_range(400, ~0U);
  EXPECT_FALSE(is_open(fds[0]));
  EXPECT_FALSE(is_open(fds[2]));
}

TEST_F(FdTest, CloseRangeClosesTheRangeAndNoOther) { expect_range_closed(); }

TEST_F(FdTest, CloseRangeWorksOnAKernelThatLacksIt) {
  const Mock mock(
      &Syscalls::close_range, +[](unsigned, unsigned, unsigned) { return fail(ENOSYS); });
  expect_range_closed();
}

TEST(ErrorTest, SaysCannotVerbObjectAndKeepsTheCode) {
  try {
    throw_error(ENOENT, "cannot open", "/path");
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "cannot open /path: No such file or directory");
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
}  // namespace royong::os
