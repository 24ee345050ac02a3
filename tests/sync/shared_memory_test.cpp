// SPDX-License-Identifier: Apache-2.0
// Named segments: what programs see of each other's, what bad input gets, and that nothing stays in /dev/shm however a family ends.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>     // for std::ranges::all_of
#include <chrono>        // for std::chrono::microseconds
#include <filesystem>    // for std::filesystem::exists
#include <memory>        // for std::unique_ptr
#include <string>        // for std::string
#include <system_error>  // for std::system_error
#include <thread>        // for std::this_thread::sleep_for
#include <vector>        // for std::vector

#include "os/limits.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/process_tree.hpp"
#include "support/random.hpp"
#include "support/subprocess.hpp"

namespace royong {
namespace {

using royong_test::eventually;
using royong_test::Finished;
using royong_test::Member;
using testing::HasSubstr;

std::string program(const char* name) { return std::string(ROYONG_TEST_PROGRAMS) + "/" + name; }

/// A name that no other test has, nor this one in another run.
std::string unique_name(const char* what) {
  return std::string("royong-test-") + what + "-" + std::to_string(::getpid());
}

bool exists(const std::string& name) { return std::filesystem::exists("/dev/shm/" + name); }

int code_of(const auto& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST(SharedMemory, is_zero_filled_and_seen_by_all_who_open_it) {
  const auto made = SharedMemory::create(5000);
  EXPECT_EQ(made.size(), 5000u);
  EXPECT_EQ(made.buf().size(), 5000u);
  EXPECT_TRUE(std::ranges::all_of(made.buf(), [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_THAT(made.name(), testing::MatchesRegex("royong-[0-9a-f]{16}"));
  const auto opened = SharedMemory::open(made.name());
  EXPECT_EQ(opened.size(), 5000u);
  opened.buf()[4999] = std::byte{1};
  EXPECT_EQ(made.buf()[4999], std::byte{1});
  made.unlink();
  opened.buf()[0] = std::byte{2};
  EXPECT_EQ(made.buf()[0], std::byte{2}) << "who has it open keeps it";
  EXPECT_FALSE(exists(made.name()));
}

TEST(SharedMemory, is_for_its_user_alone_whatever_the_umask) {
  const mode_t before = ::umask(0777);
  const auto made = SharedMemory::create(1);
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(("/dev/shm/" + made.name()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_size, 1);
  made.unlink();
}

TEST(SharedMemory, of_a_name_that_exists_or_does_not_is_an_error_of_the_system) {
  const std::string name = unique_name("twice");
  const auto made = SharedMemory::create(10, name);
  made.buf()[0] = std::byte{1};
  EXPECT_THROW_MESSAGE(SharedMemory::create(10, name), std::system_error,
                       "cannot create shared memory " + name);
  EXPECT_EQ(code_of([&] { SharedMemory::create(10, name); }), EEXIST);
  EXPECT_EQ(SharedMemory::open(name).buf()[0], std::byte{1}) << "state unchanged";
  made.unlink();
  EXPECT_EQ(code_of([&] { SharedMemory::open(name); }), ENOENT);
  EXPECT_EQ(code_of([&] { made.unlink(); }), ENOENT);
  const auto other = SharedMemory::create(10, name);
  EXPECT_EQ(code_of([&] { made.unlink(); }), ENOENT) << "the name is another segment's now";
  EXPECT_TRUE(exists(name));
  other.unlink();
}

TEST(SharedMemory, refuses_sizes_and_names_that_cannot_be) {
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    EXPECT_THROW_MESSAGE(SharedMemory::create(size), UsageError, "must be positive");
  }
  const std::string zero("a\0b", 3);
  const std::string long_name(256, 'n');
  for (const std::string& name : {std::string(), std::string("."), std::string(".."),
                                  std::string("/a"), std::string("a/b"), zero, long_name}) {
    EXPECT_THROW_MESSAGE(SharedMemory::create(1, name), UsageError, "a name of shared memory");
    EXPECT_THROW(SharedMemory::open(name), UsageError);
  }
  const std::string longest(255, 'n');
  SharedMemory::create(1, longest).unlink();
  EXPECT_FALSE(exists(longest));
}

TEST(SharedMemory, of_a_size_that_cannot_be_had_is_an_error_and_leaves_nothing) {
  const std::string name = unique_name("large");
  struct statvfs space{};
  ASSERT_EQ(::statvfs("/dev/shm", &space), 0);
  const auto room = static_cast<std::int64_t>(space.f_blocks * space.f_frsize);
  EXPECT_THAT(code_of([&] { SharedMemory::create(room + (1 << 20), name); }),
              testing::AnyOf(ENOSPC, ENOMEM));
  EXPECT_EQ(code_of([&] { SharedMemory::create(INT64_MAX, name); }), ENOMEM);
  const rlimit limit = os::get_limit(RLIMIT_FSIZE);
  os::set_limit(RLIMIT_FSIZE, 1 << 20, limit.rlim_max);
  EXPECT_EQ(code_of([&] { SharedMemory::create(2 << 20, name); }), EFBIG) << "and no SIGXFSZ";
  os::set_limit(RLIMIT_FSIZE, limit.rlim_cur, limit.rlim_max);
  EXPECT_FALSE(exists(name));
}

TEST(SharedMemory, that_is_closed_cannot_be_used_but_unlinked) {
  const auto made = SharedMemory::create(10);
  const auto copy = made;
  made.close();
  made.close();
  EXPECT_TRUE(copy.closed());
  EXPECT_THROW_MESSAGE(copy.buf(), UsageError, "is closed");
  EXPECT_EQ(copy.size(), 10u);
  const auto again = SharedMemory::open(made.name());
  EXPECT_EQ(again.buf().size(), 10u);
  made.unlink();

  const SharedMemory none;
  EXPECT_TRUE(none.closed());
  EXPECT_EQ(none.name(), "");
  EXPECT_EQ(none.size(), 0u);
  none.close();
  EXPECT_THROW(none.buf(), UsageError);
  EXPECT_THROW(none.unlink(), UsageError);
}

TEST(SharedMemory, that_is_no_memory_is_not_opened) {
  const std::string name = unique_name("strange");
  const std::string path = "/dev/shm/" + name;
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW_MESSAGE(SharedMemory::open(name), TransferError, "not a file");
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_EQ(code_of([&] { SharedMemory::open(name); }), ELOOP);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_THROW_MESSAGE(SharedMemory::open(name), TransferError, "no size");
  ::close(file);
  ASSERT_EQ(::unlink(path.c_str()), 0);
}

TEST(SharedMemory, is_created_by_exactly_one_of_many) {
  const Value<int> made;
  const Value<int> refused;
  const std::string name = unique_name("race");
  for (int round = 0; round < 20; ++round) {
    const std::string here = name + std::to_string(round);
    const auto attempt = [&] {
      const int code = code_of([&] { SharedMemory::create(100, here); });
      (code == 0 ? made : refused) += 1;
      EXPECT_THAT(code, testing::AnyOf(0, EEXIST));
    };
    Member a(attempt);
    Member b(attempt);
    attempt();
    EXPECT_EQ(a.wait() + b.wait(), 0);
    SharedMemory::open(here).unlink();
  }
  EXPECT_EQ(made.load(), 20);
  EXPECT_EQ(refused.load(), 40);
}

/// The keepers of this run's processes.
std::vector<royong_test::ProcessInfo> keepers() {
  auto all = royong_test::descendants(::getppid());
  std::erase_if(all, [](const auto& process) {
    return process.state == 'Z' || process.command.find("--royong-keeper=") == std::string::npos;
  });
  return all;
}

bool has_supervisor() {
  const char* wish = std::getenv("ROYONG_TEST_SUPERVISOR");
  return wish == nullptr || std::string(wish) != "0";
}

TEST(Keeper, holds_nothing_of_the_program_and_ends_with_the_last_segment) {
  if (!has_supervisor()) GTEST_SKIP() << "its parent is not known";
  const auto first = SharedMemory::create(10);
  eventually([] { return keepers().size() == 1; });
  const auto keeper = keepers().front();
  EXPECT_NE(keeper.parent, ::getpid());
  EXPECT_NE(::getsid(keeper.pid), ::getsid(0));
  const auto targets = [&] {
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(keeper.pid) + "/fd")) {
      std::error_code gone;
      found.push_back(std::filesystem::read_symlink(entry.path(), gone).string());
    }
    return found;
  };
  eventually([&] {
    return std::ranges::all_of(targets(), [](const std::string& target) {
      return target == "/dev/null" || target.starts_with("anon_inode:[pidfd]") ||
             target.starts_with("pidfd:");
    });
  });
  {
    const auto second = SharedMemory::create(10);
    EXPECT_EQ(keepers().size(), 1u);
    second.unlink();
  }
  ASSERT_EQ(keepers().size(), 1u);
  EXPECT_EQ(keepers().front().pid, keeper.pid);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(keeper.pid, signal);
  const auto third = SharedMemory::create(10);
  EXPECT_EQ(keepers().size(), 1u);
  EXPECT_EQ(keepers().front().pid, keeper.pid);
  first.unlink();
  third.unlink();
  eventually([] { return keepers().empty(); });
}

TEST(Keeper, that_is_killed_is_followed_by_another) {
  if (!has_supervisor()) GTEST_SKIP() << "its parent is not known";
  const auto first = SharedMemory::create(10);
  eventually([] { return keepers().size() == 1; });
  const pid_t dead = keepers().front().pid;
  ::kill(dead, SIGKILL);
  eventually([] { return keepers().empty(); });
  EXPECT_TRUE(exists(first.name()));
  const auto second = SharedMemory::create(10);
  eventually([] { return keepers().size() == 1; });
  EXPECT_NE(keepers().front().pid, dead);
  first.unlink();
  second.unlink();
}

TEST(Keeper, is_started_once_when_many_create_at_once) {
  if (!has_supervisor()) GTEST_SKIP() << "its parent is not known";
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<Member>> members;
    for (int i = 0; i < 4; ++i) {
      members.push_back(std::make_unique<Member>([] { SharedMemory::create(10).unlink(); }));
    }
    for (auto& member : members) EXPECT_EQ(member->wait(), 0);
    eventually([] { return keepers().empty(); });
  }
}

TEST(Lease, of_a_creator_killed_at_any_instant_is_a_whole_segment_or_none) {
  const std::string prefix = unique_name("storm");
  const auto left = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
      const std::string name = entry.path().filename();
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  };
  auto random = royong_test::random_engine();
  const auto held = SharedMemory::create(1);  // one keeper for all rounds
  for (int round = 0; round < 60; ++round) {
    Member creator([&] {
      for (int i = 0;; ++i) {
        const auto made = SharedMemory::create(20'000, prefix + std::to_string(i));
        made.buf()[0] = std::byte{1};
        made.unlink();
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
    creator.kill();
    creator.wait();
    const auto names = left();
    EXPECT_LE(names.size(), 1u);
    for (const std::string& name : names) {
      const auto whole = SharedMemory::open(name);
      EXPECT_EQ(whole.size(), 20'000u);
      whole.unlink();
    }
  }
  held.unlink();
}

class EndOfFamily : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(EndOfFamily, ends_its_segments_however_it_comes) {
  const auto& [way, said] = GetParam();
  const std::string name = unique_name(way);
  const Finished end = royong_test::run({{program("segments"), way, name}});
  EXPECT_EQ(end.output, said) << end.error;
  eventually([&] { return !exists(name); });
}

INSTANTIATE_TEST_SUITE_P(Ways, EndOfFamily,
                         testing::Values(std::pair("normal", ""), std::pair("children", "none\n"),
                                         std::pair("worker", "exit -9, byte 7\n"),
                                         std::pair("killed", "dies\n"),
                                         std::pair("massacre", "die\n"),
                                         std::pair("terminal", "die\n"),
                                         std::pair("unlinked", "unlinked\n")),
                         [](const auto& test) -> std::string { return test.param.first; });

TEST(Lease, is_removed_by_the_last_process_before_it_ends_in_good_order) {
  const std::string name = unique_name("order");
  const Finished end = royong_test::run({{program("segments"), "normal", name}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  EXPECT_FALSE(exists(name));
}

TEST(Lease, lasts_as_long_as_a_detached_process) {
  const std::string name = unique_name("detached");
  const Finished end = royong_test::run({{program("segments"), "detached", name}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  const auto segment = SharedMemory::open(name);
  segment.buf()[0] = std::byte{1};
  eventually([&] { return !exists(name); });
}

TEST(Lease, is_not_taken_by_a_segment_that_persists) {
  const std::string name = unique_name("persist");
  const Finished end = royong_test::run({{program("segments"), "persist", name}});
  EXPECT_EQ(end.exit_code, 0) << end.error;
  const auto segment = SharedMemory::open(name);
  EXPECT_EQ(segment.size(), 100u);
  segment.unlink();
}

TEST(SharedMemory, is_seen_by_another_program) {
  const auto segment = SharedMemory::create(40);
  int n = 0;
  for (auto& number : segment.as<int>()) number = ++n;
  const Finished end = royong_test::run({{program("stranger"), "memory", segment.name()}});
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_EQ(end.output, "40 bytes, sum 55\n");
  EXPECT_EQ(segment.as<int>()[9], 20);
  segment.unlink();
  EXPECT_THAT(royong_test::run({{program("stranger"), "memory", segment.name()}}).output,
              HasSubstr("cannot open shared memory " + segment.name()));
}

class SharedMemoryEveryStartMethod : public royong_test::EveryStartMethod {};
ROYONG_EVERY_START_METHOD(SharedMemoryEveryStartMethod);

void add_one_to_each(SharedMemory segment, Queue<SharedMemory> back) {
  for (auto& number : segment.as<int>()) number += 1;
  const auto mine = SharedMemory::create(8);
  mine.as<long>()[0] = 42;
  back.put(mine);
}

TEST_P(SharedMemoryEveryStartMethod, travels_as_argument_and_message) {
  const auto segment = SharedMemory::create(4'000);
  const Queue<SharedMemory> back;
  auto process = context().process(add_one_to_each, segment, back);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(segment.as<int>()[999], 1);
  const SharedMemory theirs = back.get();
  EXPECT_EQ(theirs.as<long>()[0], 42) << "it outlives its creator";
  theirs.unlink();
  segment.unlink();
}

SharedMemory make(int size) { return SharedMemory::create(size); }

TEST(SharedMemory, travels_as_result_and_not_when_its_name_is_gone) {
  Pool pool(1);
  const SharedMemory made = pool.apply(make, 123);
  EXPECT_EQ(made.size(), 123u);
  const Queue<SharedMemory> queue;
  queue.put(made);
  made.unlink();
  EXPECT_THROW_MESSAGE(queue.get(), TransferError, made.name());
  const auto other = SharedMemory::create(1, made.name());
  queue.put(made);
  EXPECT_THROW_MESSAGE(queue.get(), TransferError, "another segment");
  other.unlink();
  EXPECT_THROW(queue.put(SharedMemory()), UsageError);
}

}  // namespace
}  // namespace royong
