// SPDX-License-Identifier: Apache-2.0
#include "memory/arena.hpp"

#include <sys/resource.h>

#include <cstdlib>  // for ::setenv
#include <cstring>  // for std::memcpy

#include "family.hpp"
#include "os/files.hpp"
#include "os/limits.hpp"
#include "os/memory.hpp"

namespace royong::memory {
namespace {

using royong_test::forget_arena;
using royong_test::in_child;

class ArenaTest : public royong_test::MemoryTest {};

std::string size_when_created() {
  forget_arena();
  create_arena();
  claim_slot(reserve_slot());
  free_block(allocate(1 << 20));
  return std::to_string(arena_size() >> 20) + " MiB";
}

TEST_F(ArenaTest, CannotBeResizedByAnybody) {
  EXPECT_TRUE(os::size_is_sealed(arena_fd()));
  EXPECT_EQ(::ftruncate(arena_fd(), 4096), -1);
  EXPECT_EQ(::fcntl(arena_fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(ArenaTest, CostsNothingUntilItIsUsed) {
  EXPECT_EQ(in_child([] {
              forget_arena();
              create_arena();
              claim_slot(reserve_slot());
              struct stat status{};
              ::fstat(arena_fd(), &status);
              return status.st_blocks * 512 <= 64 << 10 ? "small" : "large";
            }),
            "small");
}

TEST_F(ArenaTest, IsSmallerWhereTheAddressSpaceIsLimited) {
  const std::string size = in_child([] {
    std::uint64_t pages = 0;
    std::sscanf(os::read_file("/proc/self/statm").c_str(), "%lu", &pages);
    const rlim_t limit = pages * 4096 + (rlim_t{700} << 20);
    os::set_limit(RLIMIT_AS, limit, limit);
    return size_when_created();
  });
  EXPECT_EQ(size, "512 MiB");
}

TEST_F(ArenaTest, SaysThatTheAddressSpaceIsTooSmall) {
  const std::string text = in_child([] {
    os::set_limit(RLIMIT_AS, 1 << 20, 1 << 20);
    return size_when_created();
  });
  EXPECT_EQ(text, "cannot map a memory file of 268435456 bytes: Cannot allocate memory");
}

TEST_F(ArenaTest, IsSmallerWhereFilesAreLimitedAndNobodyIsKilled) {
  EXPECT_EQ(in_child([] {
              os::set_limit(RLIMIT_FSIZE, rlim_t{700} << 20, RLIM_INFINITY);
              return size_when_created();
            }),
            "512 MiB");
}

TEST_F(ArenaTest, SaysThatFilesAreLimitedTooMuch) {
  const std::string text = in_child([] {
    os::set_limit(RLIMIT_FSIZE, 1 << 20, RLIM_INFINITY);
    return size_when_created();
  });
  EXPECT_NE(text.find("RLIMIT_FSIZE"), std::string::npos) << text;
}

std::string quota_for(const char* text) {
  return in_child([&] {
    ::setenv("ROYONG_ARENA_QUOTA", text, 1);
    forget_arena();
    create_arena();
    return std::to_string(arena_usage().quota);
  });
}

TEST_F(ArenaTest, TakesItsQuotaFromTheEnvironment) {
  EXPECT_EQ(quota_for("1048576"), "1048576");
  EXPECT_EQ(quota_for("3K"), "3072");
  EXPECT_EQ(quota_for("64m"), "67108864");
  EXPECT_EQ(quota_for("1G"), "1073741824");
}

TEST_F(ArenaTest, RefusesAQuotaThatIsNoNumber) {
  for (const char* text : {"", "0", "much", "-1", "1T", "1MB", "12 M", "0x10", "M", "1.5G",
                           "99999999999999999999", "18446744073709551615K"}) {
    EXPECT_NE(quota_for(text).find("ROYONG_ARENA_QUOTA is \"" + std::string(text) + "\""),
              std::string::npos)
        << text << ": " << quota_for(text);
  }
}

TEST_F(ArenaTest, RefusesAQuotaOfNothing) { EXPECT_THROW(set_arena_quota(0), UsageError); }

TEST_F(ArenaTest, IsThereOnce) { EXPECT_THROW(create_arena(), UsageError); }

TEST_F(ArenaTest, WithoutItNamesTheFix) {
  const std::string text = in_child([] {
    forget_arena();
    allocate(1);
    return std::string();
  });
  EXPECT_NE(text.find("royong::init"), std::string::npos) << text;
}

TEST_F(ArenaTest, RefusesOffsetsOutside) {
  EXPECT_THROW(at(0, 1), TransferError);
  EXPECT_THROW(at(arena_size(), 1), TransferError);
  EXPECT_THROW(at(arena_size() - 8, 9), TransferError);
  EXPECT_THROW(at(8, ~std::size_t{0}), TransferError);
  EXPECT_EQ(offset_of(at(arena_size() - 8, 8)), arena_size() - 8);
}

// What attaching `fd` says in a process that has no arena yet.
std::string attach(const os::Fd& fd) {
  return in_child([&] {
    forget_arena();
    attach_arena(os::duplicate(fd.get()));
    return std::string("attached");
  });
}

TEST_F(ArenaTest, AttachedElsewhereIsTheSameMemory) {
  const Offset note = allocate(64);
  std::memcpy(block(note).data(), "from here", 10);
  const std::string text = in_child([&] {
    const std::byte* before = arena_base();
    const int fd = arena_fd();
    forget_arena();
    attach_arena(os::duplicate(fd));
    if (arena_base() == before) return std::string("not mapped anew");
    return std::string(reinterpret_cast<const char*>(block(note).data()));
  });
  EXPECT_EQ(text, "from here");
  free_block(note);
}

// A file that begins like this arena, and what one may do to it.
class ForgedArenaTest : public ArenaTest {
 protected:
  os::Fd forge(const Identity& identity, std::uint64_t size = smallest_arena, bool sealed = true) {
    os::Fd fd = os::create_memfd("forged");
    EXPECT_EQ(::pwrite(fd.get(), &identity, sizeof identity, 0),
              static_cast<ssize_t>(sizeof identity));
    os::resize(fd.get(), size);
    if (sealed) os::seal_size(fd.get());
    return fd;
  }
  Identity right() const {
    Identity identity = header().identity;
    identity.size = smallest_arena;
    return identity;
  }
};

TEST_F(ForgedArenaTest, TheForgeryIsOtherwiseGood) {
  EXPECT_EQ(attach(forge(right())), "attached");
}

TEST_F(ForgedArenaTest, RefusesOneThatCouldShrink) {
  EXPECT_NE(attach(forge(right(), smallest_arena, false)).find("not sealed"), std::string::npos);
}

TEST_F(ForgedArenaTest, RefusesWhatIsNoArena) {
  Identity identity = right();
  identity.magic[0] = 'x';
  EXPECT_NE(attach(forge(identity)).find("magic"), std::string::npos);
  EXPECT_NE(attach(forge(right(), 16)).find("too short"), std::string::npos);
  EXPECT_NE(attach(os::Fd(::open("/dev/null", O_RDWR | O_CLOEXEC))).find("cannot attach"),
            std::string::npos);
}

TEST_F(ForgedArenaTest, RefusesAnotherLayout) {
  Identity identity = right();
  identity.layout = layout_version + 1;
  EXPECT_NE(attach(forge(identity)).find("layout version"), std::string::npos);
}

TEST_F(ForgedArenaTest, RefusesALieAboutTheSize) {
  Identity identity = right();
  identity.size *= 2;
  EXPECT_NE(attach(forge(identity)).find("not true"), std::string::npos);
  EXPECT_NE(attach(forge(right(), smallest_arena / 2)).find("not true"), std::string::npos);
  identity.size = smallest_arena / 2;
  EXPECT_NE(attach(forge(identity, smallest_arena / 2)).find("not true"), std::string::npos);
}

TEST_F(ForgedArenaTest, RefusesAnotherProgramAndNamesBothBuildIds) {
  Identity identity = right();
  identity.program = {"0123abcd"};
  const std::string text = attach(forge(identity));
  EXPECT_NE(text.find("0123abcd"), std::string::npos) << text;
  EXPECT_NE(text.find(os::program_id()), std::string::npos) << text;
}

}  // namespace
}  // namespace royong::memory
