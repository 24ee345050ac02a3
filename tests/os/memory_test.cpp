// SPDX-License-Identifier: Apache-2.0
#include "os/memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>    // for std::array
#include <cstring>  // for std::memset

#include "mock.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

TEST(MemfdTest, IsCloseOnExecAndTakesSeals) {
  const Fd fd = create_memfd("test");
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  resize(fd.get(), 8192);
  EXPECT_FALSE(size_is_sealed(fd.get()));
  seal_size(fd.get());
  EXPECT_TRUE(size_is_sealed(fd.get()));
  EXPECT_EQ(file_size(fd.get()), 8192U);
  EXPECT_NE(error_of([&] { resize(fd.get(), 4096); }), "");
}

TEST(MemfdTest, AsksAgainWithoutTheFlagThatAnOldKernelRefuses) {
  static unsigned last;
  const Mock mock(
      &Syscalls::memfd_create, +[](const char* name, unsigned flags) {
        last = flags;
        if (flags & 8U) return fail(EINVAL);
        return ::memfd_create(name, flags);
      });
  EXPECT_TRUE(create_memfd("test"));
  EXPECT_EQ(last, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

TEST(MemfdTest, SaysThatDescriptorsRanOut) {
  const Mock mock(&Syscalls::memfd_create, +[](const char*, unsigned) { return fail(EMFILE); });
  EXPECT_EQ(error_of([] { create_memfd("test"); }),
            "cannot create a memory file named test: Too many open files");
}

TEST(MemfdTest, RepeatsAnInterruptedResize) {
  static int calls;
  calls = 0;
  const Mock mock(
      &Syscalls::ftruncate,
      +[](int fd, off_t size) { return ++calls == 1 ? fail(EINTR) : ::ftruncate(fd, size); });
  const Fd fd = create_memfd("test");
  resize(fd.get(), 4096);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(file_size(fd.get()), 4096U);
}

TEST(MemfdTest, SaysThatMemoryRanOut) {
  const Mock mock(
      &Syscalls::mmap, +[](void*, std::size_t, int, int, int, off_t) {
        errno = ENOMEM;
        return MAP_FAILED;
      });
  const Fd fd = create_memfd("test");
  EXPECT_EQ(error_of([&] { map_shared(fd.get(), 4096); }),
            "cannot map a memory file of 4096 bytes: Cannot allocate memory");
}

TEST(MemfdTest, AHoleGivesMemoryBackAndReadsAsZero) {
  constexpr std::uint64_t size = 1 << 20;
  const Fd fd = create_memfd("test");
  resize(fd.get(), size);
  std::byte* memory = map_shared(fd.get(), size);
  std::memset(memory, 1, size);
  struct stat status{};
  ::fstat(fd.get(), &status);
  EXPECT_EQ(status.st_blocks, static_cast<blkcnt_t>(size / 512));
  EXPECT_TRUE(punch_hole(fd.get(), 0, size));
  ::fstat(fd.get(), &status);
  EXPECT_EQ(status.st_blocks, 0);
  EXPECT_EQ(memory[12345], std::byte{0});
  unmap(memory, size);
}

TEST(MemfdTest, AHoleThatTheKernelRefusesIsNoError) {
  const Mock mock(&Syscalls::fallocate, +[](int, int, off_t, off_t) { return fail(EOPNOTSUPP); });
  EXPECT_FALSE(punch_hole(0, 0, 4096));
}

TEST(MemfdTest, ReadsPastShortReadsAndTellsTheEnd) {
  const Fd fd = create_memfd("test");
  ASSERT_EQ(::write(fd.get(), "abcdef", 6), 6);
  static int calls;
  calls = 0;
  const Mock mock(
      &Syscalls::pread, +[](int file, void* out, std::size_t, off_t where) {
        return ++calls == 1 ? fail<ssize_t>(EINTR) : ::pread(file, out, 1, where);
      });
  std::array<char, 4> text{};
  EXPECT_TRUE(read_at(fd.get(), text.data(), text.size(), 1));
  EXPECT_EQ(std::string_view(text.data(), text.size()), "bcde");
  EXPECT_FALSE(read_at(fd.get(), text.data(), text.size(), 4));
}

}  // namespace
}  // namespace royong::os
