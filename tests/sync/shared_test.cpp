// SPDX-License-Identifier: Apache-2.0
#include "royong/shared.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>  // for std::ranges::count
#include <array>      // for std::array
#include <chrono>     // for std::chrono_literals
#include <cstdint>    // for std::int64_t, std::uint8_t
#include <limits>     // for std::numeric_limits
#include <list>       // for std::list
#include <memory>     // for std::make_unique
#include <mutex>      // for std::scoped_lock
#include <numeric>    // for std::accumulate
#include <ranges>     // for std::views::iota
#include <span>       // for std::span
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <thread>     // for std::this_thread::sleep_for
#include <vector>     // for std::vector

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "support/captured_stderr.hpp"
#include "support/member.hpp"
#include "support/random.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::Member;

/// 24 bytes: more than one instruction can write.
struct Point {
  double x = 0;
  double y = 0;
  double z = 0;
  friend Point operator+(const Point& a, const Point& b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
  }
  friend bool operator==(const Point&, const Point&) = default;
};
/// 2,400 bytes: too many for the record.
using Block = std::array<Point, 100>;

/// Runs `work` in two other processes and in this one.
template <class F>
void in_three_processes(F work) {
  Member a(work);
  Member b(work);
  work();
  EXPECT_EQ(a.wait(), 0);
  EXPECT_EQ(b.wait(), 0);
}

template <class T>
class ValueOf : public testing::Test {};
using Numbers = testing::Types<std::uint8_t, short, int, std::int64_t, float, double>;
TYPED_TEST_SUITE(ValueOf, Numbers);

TYPED_TEST(ValueOf, begins_with_zero_or_what_it_was_given) {
  EXPECT_EQ(Value<TypeParam>().load(), TypeParam{});
  EXPECT_EQ(Value<TypeParam>(7).load(), TypeParam{7});
}

TYPED_TEST(ValueOf, arithmetic_gives_the_new_value_and_postfix_the_old_one) {
  const Value<TypeParam> v(10);
  EXPECT_EQ(v += 5, TypeParam{15});
  EXPECT_EQ(v -= 3, TypeParam{12});
  EXPECT_EQ(++v, TypeParam{13});
  EXPECT_EQ(v++, TypeParam{13});
  EXPECT_EQ(--v, TypeParam{13});
  EXPECT_EQ(v--, TypeParam{13});
  EXPECT_EQ(v.exchange(3), TypeParam{12});
  EXPECT_EQ(v.load(), TypeParam{3});
}

TEST(Value, increments_of_several_processes_add_up) {
  const Value<int> n;
  const Value<double> d;
  const Value<Point> p;
  constexpr int rounds = 5'000;
  in_three_processes([&] {
    for (int i = 0; i < rounds; ++i) {
      n += 1;
      d += 0.5;
      p += Point{1, 2, 3};
      n.update([](int now) { return now + 1; });
      n.update([](int& now) { ++now; });
    }
  });
  EXPECT_EQ(n.load(), 3 * 3 * rounds);
  EXPECT_EQ(d.load(), 1.5 * rounds);
  EXPECT_EQ(p.load(), (Point{3.0 * rounds, 6.0 * rounds, 9.0 * rounds}));
}

TEST(Value, unsigned_arithmetic_wraps_as_everywhere) {
  const Value<std::uint8_t> v(250);
  EXPECT_EQ(v += 10, 4);
  EXPECT_EQ(v -= 10, 250);
  EXPECT_EQ(Value<int>(1) += -3, -2);
}

TEST(Value, an_update_that_throws_changes_nothing_and_leaves_the_lock_free) {
  const Value<Point> v(Point{1, 2, 3});
  const auto fail = [](Point& p) {
    p.x = 99;
    throw std::runtime_error("no");
  };
  EXPECT_THROW(v.update(fail), std::runtime_error);
  EXPECT_EQ(v.load(), (Point{1, 2, 3}));
  EXPECT_FALSE(v.get_lock().locked());
}

TEST(Value, a_guard_excludes_guards_and_updates) {
  const Value<int> v;
  constexpr int rounds = 5'000;
  in_three_processes([&] {
    for (int i = 0; i < rounds; ++i) {
      {
        const auto guard = v.lock();
        *guard = *guard + 1;
      }
      v.update([](int now) { return now + 1; });
      const std::scoped_lock lock(v.get_lock());
      v.store(v.load() + 1);
    }
  });
  EXPECT_EQ(v.load(), 9 * rounds);
}

TEST(Value, a_guard_works_as_a_pointer_and_nests) {
  const Value<Point> v;
  const auto guard = v.lock();
  guard->x = 1;
  (*guard).y = 2;
  v += Point{0, 0, 3};
  EXPECT_EQ(v.load(), (Point{1, 2, 3}));
}

TEST(Value, a_writer_killed_at_any_instant_never_leaves_half_of_a_value) {
  const Value<Block> v;
  auto random = royong_test::random_engine();
  for (int round = 0; round < 60; ++round) {
    Member writer([&] {
      for (double n = 1;; ++n) {
        Block block;
        block.fill({n, n, n});
        v.store(block);
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1500));
    writer.kill();
    writer.wait();
    const Block now = v.load();
    for (const auto& point : now) ASSERT_EQ(point, now.front());
  }
}

TEST(Value, of_a_killed_guard_is_abandoned) {
  const Value<int> v(5);
  Member owner([&] {
    const auto guard = v.lock();
    *guard = 6;
    pause();
  });
  while (v.load() != 6) std::this_thread::yield();
  owner.kill();
  owner.wait();
  const std::scoped_lock lock(v.get_lock());
  EXPECT_TRUE(v.get_lock().abandoned());
}

/// Kills writers until five have died while the lock was theirs. @param free makes the lock free again, without a mark
template <class Write, class Free>
void kill_in_operations(const RLock& lock, Write write, Free free) {
  const royong_test::CapturedStderr captured;
  auto random = royong_test::random_engine();
  for (int inside = 0; inside < 5;) {
    Member writer([&] {
      for (;;) write();
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1500));
    writer.kill();
    EXPECT_EQ(writer.reap_without_sweep(), -SIGKILL);
    if (lock.locked()) ++inside;
    free(writer);
    EXPECT_FALSE(lock.locked());
    ASSERT_FALSE(lock.abandoned());
  }
  EXPECT_EQ(captured.text(), "");
}

TEST(Value, a_writer_killed_inside_an_operation_leaves_neither_a_mark_nor_a_warning) {
  const Value<Block> v;
  kill_in_operations(v.get_lock(), [&] { v.store({}); }, [](Member& writer) { writer.sweep(); });
}

TEST(Value, nor_does_one_whom_only_the_next_writer_finds_dead) {
  const Value<Block> v;
  kill_in_operations(v.get_lock(), [&] { v.store({}); }, [&](Member&) { v.store({}); });
}

TEST(Array, a_writer_killed_inside_an_operation_leaves_neither_a_mark_nor_a_warning) {
  const Array<Block> a(2);
  kill_in_operations(a.get_lock(), [&] { a.store(1, {}); }, [](Member& writer) { writer.sweep(); });
}

TEST(Value, a_death_inside_the_function_of_an_update_changes_nothing_and_leaves_no_mark) {
  const Value<int> small(5);
  const Value<Point> large(Point{1, 2, 3});
  const Value<bool> inside;
  const royong_test::CapturedStderr captured;
  Member owner([&] {
    small.update([&](int& now) {
      now = 6;
      large.update([&](Point& point) {
        point.x = 99;
        inside.store(true);
        pause();
      });
    });
  });
  while (!inside.load()) std::this_thread::yield();
  EXPECT_TRUE(small.get_lock().locked());
  EXPECT_TRUE(large.get_lock().locked());
  owner.kill();
  owner.wait();
  EXPECT_EQ(small.load(), 5);
  EXPECT_EQ(large.load(), (Point{1, 2, 3}));
  EXPECT_FALSE(small.get_lock().abandoned() || small.get_lock().locked());
  EXPECT_FALSE(large.get_lock().abandoned() || large.get_lock().locked());
  EXPECT_EQ(captured.text(), "");
}

TEST(Value, a_lock_that_its_user_took_inside_an_update_or_around_it_is_abandoned_when_that_dies) {
  const Value<Point> within;
  const Value<Point> around;
  const Value<int> ready;
  Member first([&] {
    within.update([&](Point&) {
      within.get_lock().acquire();
      ready += 1;
      pause();
    });
  });
  Member second([&] {
    const auto guard = around.lock();
    around.update([&](Point&) {
      ready += 1;
      pause();
    });
  });
  while (ready.load() != 2) std::this_thread::yield();
  const royong_test::CapturedStderr captured;
  first.kill();
  first.wait();
  EXPECT_TRUE(within.get_lock().abandoned());
  EXPECT_NE(captured.text().find("may be half-changed"), std::string::npos);
  second.kill();
  second.wait();
  EXPECT_TRUE(around.get_lock().abandoned());
  // A death in an operation does not take the mark of an earlier one away.
  Member third([&] {
    around.update([&](Point&) {
      ready += 1;
      pause();
    });
  });
  while (ready.load() != 3) std::this_thread::yield();
  third.kill();
  third.wait();
  EXPECT_TRUE(around.get_lock().abandoned());
  EXPECT_FALSE(around.get_lock().locked());
}

TEST(Value, what_the_function_of_an_update_takes_and_keeps_stays_taken) {
  const Value<Point> v;
  v.update([&](Point&) { v.get_lock().acquire(); });
  EXPECT_TRUE(v.get_lock().locked());
  v.get_lock().release();
  EXPECT_FALSE(v.get_lock().locked());
  EXPECT_THROW(v.get_lock().release(), UsageError);
  v.update([&](Point&) { const std::scoped_lock lock(v.get_lock()); });
  EXPECT_FALSE(v.get_lock().locked());
}

TEST(Array, is_made_from_a_length_a_list_or_a_range) {
  const Array<int> zeros(3);
  EXPECT_EQ(zeros.size(), 3u);
  EXPECT_EQ(zeros.load(2), 0);
  const Array<int> list{1, 2, 3};
  EXPECT_EQ(list.load(2), 3);
  const Array<double> range(std::vector<int>{4, 5});
  EXPECT_EQ(range.load(1), 5.0);
  const Array<int> other(std::list<int>{7, 8, 9});
  EXPECT_EQ(other.load(0), 7);
  const Array<int> none(0);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_THROW(Array<int>(-1), UsageError);
  EXPECT_THROW(RawArray<Point>(-1), UsageError);
}

TEST(Array, an_element_is_assigned_and_counted_through_its_proxy) {
  const Array<int> a{1, 2, 3};
  a[0] = 10;
  a[1] = a[0];
  EXPECT_EQ(a[1] += 5, 15);
  EXPECT_EQ(a[2]++, 3);
  EXPECT_EQ(--a[2], 3);
  const int read = a[1];
  EXPECT_EQ(read, 15);
}

TEST(Array, an_index_beyond_the_end_is_refused) {
  const Array<int> a(3);
  EXPECT_THROW(a.load(3), std::out_of_range);
  EXPECT_THROW(a.store(~std::size_t{0}, 1), std::out_of_range);
  EXPECT_THROW(a[3], std::out_of_range);
  EXPECT_THROW(RawArray<int>(2).at(2), std::out_of_range);
}

TEST(Array, increments_of_several_processes_add_up_element_by_element) {
  const Array<long> a(100);
  const Array<Point> p(3);
  in_three_processes([&] {
    for (std::size_t i = 0; i < 20'000; ++i) a[i % 100] += 1;
    for (std::size_t i = 0; i < 3'000; ++i) p[i % 3] += Point{1, 1, 1};
  });
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(a.load(i), 600);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(p.load(i), (Point{3000, 3000, 3000}));
}

TEST(Value, may_be_left_out_of_an_aggregate) {
  struct Account {
    std::string name;
    Value<int> balance;
    RawValue<Point> place;
  };
  const Account account{"a", {}, {}};
  account.balance += 2;
  EXPECT_EQ(account.balance.load(), 2);
  EXPECT_EQ(account.place.get(), Point{});
}

TEST(Array, a_guard_without_a_name_is_a_span_for_one_call) {
  const Array<int> a{3, 1, 2};
  const auto add_one = [&a](std::span<int> elements) {
    Member other([&a] { EXPECT_FALSE(a.get_lock().acquire(false)); });
    EXPECT_EQ(other.wait(), 0);
    for (int& element : elements) ++element;
  };
  add_one(a.lock());
  EXPECT_EQ(a[0] + a[1] + a[2], 9);
  EXPECT_FALSE(a.get_lock().locked());
}

TEST(Array, a_guard_is_a_span_also_where_it_is_not_const) {
  const Array<int> a{3, 1, 2};
  auto guard = a.lock();
  const std::span<int> span = guard;  // compilers warn where there is more than one way
  EXPECT_EQ(span.data(), guard.data());
}

TEST(Array, a_guard_is_a_span) {
  const Array<int> a{3, 1, 2};
  {
    const auto guard = a.lock();
    std::ranges::sort(guard);
    const std::span<int> span = guard;
    EXPECT_EQ(span[0], 1);
    EXPECT_EQ(std::accumulate(guard.begin(), guard.end(), 0), 6);
  }
  EXPECT_FALSE(a.get_lock().locked());
}

TEST(Array, elements_too_large_for_one_instruction_are_never_torn_by_a_kill) {
  const Array<Block> a(3);
  auto random = royong_test::random_engine();
  for (int round = 0; round < 40; ++round) {
    Member writer([&] {
      for (double n = 1;; ++n) {
        Block block;
        block.fill({n, n, n});
        for (std::size_t i = 0; i < 3; ++i) a.store(i, block);
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1500));
    writer.kill();
    writer.wait();
    for (std::size_t i = 0; i < 3; ++i) {
      const Block now = a.load(i);
      for (const auto& point : now) ASSERT_EQ(point, now.front());
    }
  }
}

TEST(RawArray, in_memory_that_was_used_before_holds_zeros_or_its_range_and_nothing_else) {
  for (const std::int64_t n : {20, 1'000, 300'000}) {
    const std::vector<std::uint8_t> used(static_cast<std::size_t>(n), 0xff);
    {
      const RawArray<std::uint8_t> before(used);
    }
    {
      const RawArray<std::uint8_t> zeros(n);
      EXPECT_EQ(std::ranges::count(zeros, 0), n);
      std::ranges::fill(zeros, 0xff);
    }
    const RawArray<std::uint8_t> ones(std::views::iota(std::int64_t{0}, n) |
                                      std::views::transform([](auto) { return 1; }));
    EXPECT_EQ(std::ranges::count(ones, 1), n);
  }
}

TEST(RawArray, is_a_contiguous_range_in_shared_memory) {
  static_assert(std::ranges::contiguous_range<RawArray<int>>);
  const RawArray<int> a(1000);
  std::ranges::fill(a, 7);
  Member other([&] {
    for (auto& n : a) n *= 2;
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(std::accumulate(a.begin(), a.end(), 0), 14'000);
  const RawArray<int> same(a);
  same[0] = 1;
  EXPECT_EQ(a[0], 1) << "a copy of the handle, not of the data";
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 64, 0u);
}

TEST(RawValue, is_plain_shared_memory) {
  const RawValue<Point> p(Point{1, 2, 3});
  Member other([&] { p->x = 9; });
  other.wait();
  EXPECT_EQ(p.get(), (Point{9, 2, 3}));
}

TEST(RawArray, beyond_the_quota_is_ArenaFull_and_the_program_goes_on) {
  const auto used = memory::arena_usage().used;
  const auto objects = memory::live_objects();
  EXPECT_THROW(RawArray<char>(static_cast<std::int64_t>(memory::arena_usage().quota) * 2),
               ArenaFull);
  EXPECT_THROW((void)RawArray<Point>(std::numeric_limits<std::int64_t>::max()), ArenaFull);
  EXPECT_LE(memory::arena_usage().used, used);
  EXPECT_EQ(memory::live_objects(), objects);
  EXPECT_EQ(RawArray<char>(1000).size(), 1000u);
}

TEST(Shared, memory_comes_back_with_the_last_handle_also_when_processes_are_killed) {
  const auto objects = memory::live_objects();
  {
    const Array<int> a(100'000);
    Member other([&] { pause(); });
    other.kill();
    other.wait();
    EXPECT_EQ(memory::live_objects(), objects + 1);
  }
  EXPECT_EQ(memory::live_objects(), objects);
}

}  // namespace
}  // namespace royong
