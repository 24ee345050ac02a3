// SPDX-License-Identifier: Apache-2.0
// Which types may be shared and how they behave: odd sizes, padding, strict alignment, ranges of every kind, sizes that cannot be.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>      // for std::array
#include <complex>    // for std::complex
#include <cstdint>    // for std::uint8_t
#include <limits>     // for std::numeric_limits
#include <list>       // for std::list
#include <numeric>    // for std::iota
#include <optional>   // for std::optional
#include <ranges>     // for std::views
#include <span>       // for std::span
#include <sstream>    // for std::istringstream
#include <stdexcept>  // for std::out_of_range
#include <utility>    // for std::as_const
#include <vector>     // for std::vector

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"

namespace royong {
namespace {

using royong_test::Member;

enum class Colour : std::uint8_t { red, green, blue };

/// Three of its eight bytes mean nothing, and differ between two copies of one value.
struct Padded {
  char letter = 'a';
  std::int32_t number = 0;
  friend bool operator==(const Padded&, const Padded&) = default;
};
static_assert(sizeof(Padded) == 8);

/// Sixteen bytes, seven of them padding.
struct WidePadded {
  std::int64_t number = 0;
  char letter = 'a';
  friend bool operator==(const WidePadded&, const WidePadded&) = default;
};
static_assert(sizeof(WidePadded) == 16);

struct Three {
  std::array<std::uint8_t, 3> bytes{};
  friend bool operator==(const Three&, const Three&) = default;
};

struct alignas(64) Line {
  long count = 0;
};
struct alignas(128) TwoLines {
  long count = 0;
};
struct alignas(4096) Page {
  long count = 0;
};

template <class T>
bool is_aligned(const T* where) {
  return reinterpret_cast<std::uintptr_t>(where) % alignof(T) == 0;
}

/// The same value, with other bytes between its members.
template <class T>
T with_padding(const T& value, int filling) {
  alignas(T) std::array<std::byte, sizeof(T)> bytes;
  std::memset(bytes.data(), filling, bytes.size());
  T& made = *reinterpret_cast<T*>(bytes.data());
  made.letter = value.letter;
  made.number = value.number;
  T copy;
  std::memcpy(static_cast<void*>(&copy), bytes.data(), sizeof(T));
  return copy;
}

TEST(SharedTypes, truth_values_enumerations_and_optionals_are_values) {
  const Value<bool> truth;
  EXPECT_FALSE(truth.exchange(true));
  EXPECT_TRUE(truth.load());
  EXPECT_TRUE(truth.update([](bool now) { return !now; }) == false);
  const Value<Colour> colour(Colour::blue);
  EXPECT_EQ(colour.exchange(Colour::green), Colour::blue);
  EXPECT_EQ(colour.load(), Colour::green);
  const Value<std::optional<int>> maybe;
  EXPECT_FALSE(maybe.load().has_value());
  maybe.store(5);
  EXPECT_EQ(maybe.update([](std::optional<int>& now) { *now += 1; }), 6);
  const Array<bool> flags(3);
  flags[1] = true;
  EXPECT_FALSE(flags[0]);
  EXPECT_TRUE(flags[1]);
}

TEST(SharedTypes, bytes_between_the_members_do_not_keep_an_update_from_ending) {
  const Value<Padded> word;
  const Value<WidePadded> wide;
  for (const int filling : {0x00, 0xff, 0x5a}) {
    word.store(with_padding(Padded{'b', 7}, filling));
    EXPECT_EQ(word.update([](Padded& now) { ++now.number; }), (Padded{'b', 8}));
    EXPECT_EQ(word.exchange(with_padding(Padded{'c', 1}, ~filling & 0xff)), (Padded{'b', 8}));
    wide.store(with_padding(WidePadded{7, 'b'}, filling));
    EXPECT_EQ(wide.update([](WidePadded& now) { ++now.number; }), (WidePadded{8, 'b'}));
    EXPECT_EQ(wide.exchange(with_padding(WidePadded{1, 'c'}, ~filling & 0xff)),
              (WidePadded{8, 'b'}));
  }
}

TEST(SharedTypes, sixteen_bytes_are_never_seen_half_written) {
  const Array<WidePadded> pairs(3);
  const Value<std::complex<double>> sum;
  const auto work = [&] {
    for (int i = 0; i < 5'000; ++i) {
      pairs[1] = WidePadded{i, static_cast<char>(i)};
      const WidePadded seen = pairs[1];
      ASSERT_EQ(static_cast<char>(seen.number), seen.letter);
      sum += std::complex<double>(1, 2);
    }
  };
  Member other(work);
  work();
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(sum.load(), std::complex<double>(10'000, 20'000));
}

TEST(SharedTypes, three_bytes_are_kept_beside_their_neighbours) {
  const Array<Three> a(100);
  for (std::uint8_t i = 0; i < 100; ++i) a.store(i, {{i, i, i}});
  for (std::uint8_t i = 0; i < 100; ++i) EXPECT_EQ(a.load(i), (Three{{i, i, i}}));
}

TEST(SharedTypes, strict_alignment_holds_in_every_process) {
  const Value<TwoLines> value(TwoLines{1});
  const RawValue<Page> raw(Page{2});
  const RawArray<Line> lines(5);
  const RawArray<Page> pages(3);
  const Array<TwoLines> pairs(3);
  const auto look = [&] {
    EXPECT_TRUE(is_aligned(&*value.lock()));
    EXPECT_TRUE(is_aligned(&raw.get()));
    EXPECT_TRUE(is_aligned(lines.data()));
    EXPECT_TRUE(is_aligned(pages.data()));
    EXPECT_TRUE(is_aligned(pairs.lock().data()));
    pages[2].count += 1;
    pairs.store(2, {value.load().count + raw->count});
  };
  look();
  Member other(look);
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(pages[2].count, 2);
  EXPECT_EQ(pairs.load(2).count, 3);
}

TEST(SharedTypes, postfix_operators_give_the_old_value_whatever_its_precision) {
  const Value<double> large(1e17);  // one more is the same number
  EXPECT_EQ(large++, 1e17);
  EXPECT_EQ(large--, 1e17);
  const Array<float> a{16777216.0F};
  EXPECT_EQ(a[0]++, 16777216.0F);
  const Value<std::uint8_t> small(255);
  EXPECT_EQ(small++, 255);
  EXPECT_EQ(small.load(), 0);
}

template <class A>
class Ranges : public testing::Test {};
using Arrays = testing::Types<RawArray<int>, Array<int>>;
TYPED_TEST_SUITE(Ranges, Arrays);

template <class A>
std::vector<int> content(const A& array) {
  if constexpr (std::ranges::range<A>) {
    return {array.begin(), array.end()};
  } else {
    const auto guard = array.lock();
    return {guard.begin(), guard.end()};
  }
}

TYPED_TEST(Ranges, of_every_kind_make_an_array) {
  using A = TypeParam;
  using Ints = std::vector<int>;
  EXPECT_EQ(content(A(std::views::iota(3, 6))), (Ints{3, 4, 5}));
  EXPECT_EQ(
      content(A(std::views::iota(0, 10) | std::views::filter([](int i) { return i % 4 == 0; }))),
      (Ints{0, 4, 8}));
  Ints numbers{3, 1, 2};
  EXPECT_EQ(content(A(numbers)), numbers);
  EXPECT_EQ(content(A(std::as_const(numbers))), numbers);
  EXPECT_EQ(content(A(numbers | std::views::transform([](int i) { return i * 2; }))),
            (Ints{6, 2, 4}));
  EXPECT_EQ(content(A(std::list<short>{1, 2})), (Ints{1, 2}));
  EXPECT_EQ(content(A(std::span(numbers).first(2))), (Ints{3, 1}));
  const int plain[] = {4, 5};
  EXPECT_EQ(content(A(plain)), (Ints{4, 5}));
  std::istringstream text("7 8 9");
  EXPECT_EQ(content(A(std::views::istream<int>(text))), (Ints{7, 8, 9}));
  EXPECT_EQ(content(A(Ints{})), Ints{});
  EXPECT_EQ(content(A{5}), Ints{5});
  EXPECT_EQ(content(A(2)), (Ints{0, 0}));
}

TEST(Ranges, the_element_type_is_found) {
  const std::vector<double> numbers{1, 2};
  static_assert(std::is_same_v<decltype(RawArray(numbers)), RawArray<double>>);
  static_assert(std::is_same_v<decltype(Array(numbers)), Array<double>>);
  static_assert(std::is_same_v<decltype(RawArray{1, 2}), RawArray<int>>);
  static_assert(std::is_same_v<decltype(Value(1.5)), Value<double>>);
  RawArray first(numbers);
  RawArray second(first);
  second[0] = 9;
  EXPECT_EQ(first[0], 9.0) << "from a RawArray that may be changed: a copy of the handle";
  RawArray<float> other(first);
  other[0] = 1;
  EXPECT_EQ(first[0], 9.0) << "of another type: a copy of the elements";
  EXPECT_EQ(other.size(), 2u);
}

TEST(Ranges, a_RawArray_is_one) {
  using A = RawArray<int>;
  static_assert(std::ranges::contiguous_range<A> && std::ranges::contiguous_range<const A>);
  static_assert(std::ranges::sized_range<const A> && std::ranges::common_range<const A>);
  const A a(std::views::iota(0, 10));
  const std::span<int> span(a);
  span[3] = 30;
  int sum = 0;
  for (const int i : a | std::views::drop(2) | std::views::take(2)) sum += i;
  EXPECT_EQ(sum, 32);
  EXPECT_EQ(std::ranges::max(a), 30);
}

TEST(Sizes, that_cannot_be_are_refused_and_nothing_is_lost) {
  const auto used = memory::arena_usage().used;
  const auto objects = memory::live_objects();
  EXPECT_THROW_MESSAGE(RawArray<int>(-1), UsageError, "cannot be negative: -1");
  EXPECT_THROW((void)Array<Page>(std::numeric_limits<std::int64_t>::min()), UsageError);
  for (const std::int64_t n : {std::int64_t{1} << 40, std::int64_t{1} << 52, std::int64_t{1} << 61,
                               std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_THROW((void)RawArray<long>(n), ArenaFull) << n;
    EXPECT_THROW((void)Array<Page>(n), ArenaFull) << n;
    EXPECT_THROW((void)Array<Three>(n), ArenaFull) << n;
  }
  EXPECT_LE(memory::arena_usage().used, used);
  EXPECT_EQ(memory::live_objects(), objects);
}

TEST(Sizes, an_index_that_was_negative_is_beyond_the_end) {
  const Array<int> a(3);
  const int before = -1;
  EXPECT_THROW_MESSAGE(a[static_cast<std::size_t>(before)], std::out_of_range, "array of 3");
  EXPECT_THROW(Array<int>(0).load(0), std::out_of_range);
}

std::uint64_t resident() {
  struct stat status{};
  EXPECT_EQ(::fstat(memory::arena_fd(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(LargeArray, costs_what_is_touched_of_it_and_gives_it_back) {
  constexpr std::int64_t gibi = std::int64_t{1} << 30;
  if (memory::arena_usage().quota < 2 * std::uint64_t{gibi}) GTEST_SKIP() << "a small machine";
  const auto before = resident();
  {
    const RawArray<std::uint8_t> a(gibi);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 4096, 0u);
    EXPECT_LT(resident(), before + (64 << 20)) << "nothing was written to most of it";
    constexpr std::size_t touched = std::size_t{160} << 20;
    std::memset(a.data(), 1, touched);
    EXPECT_GE(resident(), touched);
    EXPECT_EQ(a[touched], 0);
    Member other([&] {
      EXPECT_EQ(a[touched - 1], 1);
      a[a.size() - 1] = 2;
    });
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(a[a.size() - 1], 2);
  }
  EXPECT_LE(resident(), before + (64 << 20));
  const RawArray<std::uint8_t> again(std::int64_t{96} << 20);
  for (std::size_t i = 0; i < again.size(); i += 4096) {
    ASSERT_EQ(again[i], 0) << "what pages are left are cleared: " << i;
  }
}

}  // namespace
}  // namespace royong
