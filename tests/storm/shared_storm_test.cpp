// SPDX-License-Identifier: Apache-2.0
// 2,000 and more kills of processes in the middle of writing to shared data: no value is torn, no increment that was seen is lost, no lock stays held,
// no segment stays behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>       // for std::array
#include <chrono>      // for std::chrono::microseconds
#include <filesystem>  // for std::filesystem::directory_iterator
#include <iostream>    // for std::cout
#include <memory>      // for std::unique_ptr
#include <string>      // for std::string
#include <thread>      // for std::this_thread::sleep_for

#include "memory/objects.hpp"
#include "royong/shared.hpp"
#include "support/captured_stderr.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong {
namespace {

using royong_test::Member;

constexpr int kills = 2'000;

/// Two processes that do `work` without end, one of which is killed at a random instant and started anew, again and again.
template <class Work, class Check>
void storm(Work work, Check check) {
  royong_test::allow_time(std::chrono::minutes(5));
  royong_test::CapturedStderr quiet;  // a warning for every owner that dies
  auto random = royong_test::random_engine();
  std::array<std::unique_ptr<Member>, 2> members;
  for (auto& member : members) member = std::make_unique<Member>(work);
  for (int kill = 0; kill < kills; ++kill) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1'500));
    auto& victim = members[random() % members.size()];
    victim->kill();
    victim->wait();
    check();
    if (testing::Test::HasFatalFailure()) return;
    victim = std::make_unique<Member>(work);
    quiet.text();
  }
}

template <std::size_t size>
struct Words {
  std::array<std::uint64_t, size> words{};
  static Words of(std::uint64_t n) {
    Words made;
    made.words.fill(n);
    return made;
  }
  bool is_whole() const {
    for (const auto word : words) {
      if (word != words[0]) return false;
    }
    return true;
  }
};

template <class T>
void never_torn() {
  const Array<T> array(3);
  const Value<T> value;
  const Value<std::uint64_t> stores;
  storm(
      [&] {
        for (std::uint64_t n = 1;; ++n) {
          array.store(n % 3, T::of(n));
          value.update([](T& now) { now = T::of(now.words[0] + 1); });
          stores += 2;
        }
      },
      [&, last = std::uint64_t{0}]() mutable {
        for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(array.load(i).is_whole());
        const T now = value.load();
        ASSERT_TRUE(now.is_whole());
        ASSERT_GE(now.words[0], last) << "an update that was seen is lost";
        last = now.words[0];
      });
  EXPECT_GT(stores.load(), 0u);
  EXPECT_TRUE(value.get_lock().acquire(false));
  std::cout << kills << " kills, " << stores.load() << " stores of " << sizeof(T)
            << " bytes, 0 torn\n";
}

TEST(SharedStorm, two_words_are_never_torn) { never_torn<Words<2>>(); }
TEST(SharedStorm, three_words_are_never_torn) { never_torn<Words<3>>(); }
TEST(SharedStorm, a_page_is_never_torn) { never_torn<Words<512>>(); }

TEST(SharedStorm, items_of_a_list_are_never_torn) {
  const ShareableList list(std::string(899, 'a'), 0);
  const Value<std::uint64_t> writes;
  const auto text = [](std::uint64_t n) {
    return std::string(static_cast<std::size_t>(n % 900), static_cast<char>('a' + n % 900 % 26));
  };
  storm(
      [&] {
        for (std::uint64_t n = 0;; ++n) {
          list[0] = text(n);
          list[1] = static_cast<std::int64_t>(n);
          writes += 2;
        }
      },
      [&] {
        const auto now = list[0].get<std::string>();
        ASSERT_EQ(now, text(now.size()));
      });
  list[0] = "no lock is held";
  EXPECT_EQ(list[0], "no lock is held");
  list.shm().unlink();
  std::cout << kills << " kills, " << writes.load() << " writes, 0 torn\n";
}

TEST(SharedStorm, creators_leave_whole_segments_or_none_and_no_objects) {
  const std::string prefix = "royong-storm-" + std::to_string(::getpid()) + "-";
  const auto objects = memory::live_objects();
  const auto held = SharedMemory::create(1);  // one keeper for all of it
  int whole = 0;
  {
    const Value<std::uint64_t> made;
    storm(
        [&] {
          for (;;) {
            const auto segment = SharedMemory::create(20'000, prefix + std::to_string(made += 1));
            segment.buf()[19'999] = std::byte{1};
            segment.unlink();
          }
        },
        [] {});
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
      const std::string name = entry.path().filename();
      if (!name.starts_with(prefix)) continue;
      const auto segment = SharedMemory::open(name);
      EXPECT_EQ(segment.size(), 20'000u);
      segment.unlink();
      ++whole;
    }
    std::cout << kills << " kills, " << made.load() << " segments made, " << whole
              << " were there whole, 0 torn\n";
  }
  held.unlink();
  EXPECT_EQ(memory::live_objects(), objects);
}

}  // namespace
}  // namespace royong
