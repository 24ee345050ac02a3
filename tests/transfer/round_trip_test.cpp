// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>          // for std::deque
#include <forward_list>   // for std::forward_list
#include <limits>         // for std::numeric_limits
#include <list>           // for std::list
#include <set>            // for std::set
#include <unordered_set>  // for std::unordered_set

#include "types.hpp"

namespace royong {
namespace {

using royong_test::there_and_back;

template <class T>
void expect_same(const T& value) {
  EXPECT_EQ(there_and_back(value), value);
}

TEST(RoundTrip, KeepsArithmeticTypes) {
  expect_same(true);
  expect_same('x');
  expect_same(u8'x');
  expect_same(U'x');
  expect_same<signed char>(-1);
  expect_same(std::numeric_limits<short>::min());
  expect_same(std::numeric_limits<unsigned long long>::max());
  expect_same(1.0F / 3);
  expect_same(1.0 / 3);
  expect_same(1.0L / 3);
  expect_same(std::numeric_limits<long double>::max());
  expect_same(std::byte{200});
}

TEST(RoundTrip, KeepsNotANumberBitForBit) {
  const double value = std::numeric_limits<double>::quiet_NaN();
  const double copy = there_and_back(value);
  EXPECT_EQ(std::memcmp(&copy, &value, sizeof value), 0);
}

TEST(RoundTrip, KeepsEnumerations) {
  expect_same(royong_test::Colour::green);
  expect_same(royong_test::second);
  expect_same(static_cast<royong_test::Colour>(99));  // any value of the underlying type is one
  enum class Answer : bool { no, yes };
  expect_same(Answer::yes);
}

TEST(RoundTrip, KeepsStrings) {
  expect_same(std::string());
  expect_same(std::string("with \0 inside", 13));
  expect_same(std::string(254, 'a'));
  expect_same(std::string(255, 'b'));  // the first length that takes eight bytes
  expect_same(std::string(100'000, 'c'));
  expect_same(std::wstring(L"wide"));
  expect_same(std::u16string(u"sixteen"));
}

TEST(RoundTrip, KeepsSequences) {
  expect_same(std::vector<int>{});
  expect_same(std::vector<int>{1, 2, 3});
  expect_same(std::vector<double>(10'000, 0.5));
  expect_same(std::vector<std::string>{"a", "", "ccc"});
  expect_same(std::vector<std::vector<std::vector<int>>>{{{1}, {}}, {}, {{2, 3}}});
  expect_same(std::vector<std::pair<int, std::string>>{{1, "one"}});
  expect_same(std::deque<int>{1, 2, 3});
  expect_same(std::list<std::string>{"x", "y"});
  expect_same(std::forward_list<int>{1, 2, 3});
  expect_same(std::vector<std::monostate>(1000));
}

TEST(RoundTrip, KeepsVectorsOfBool) {
  for (std::size_t size : {0U, 1U, 7U, 8U, 9U, 64U, 1000U}) {
    std::vector<bool> bits(size);
    for (std::size_t i = 0; i < size; i += 3) bits[i] = true;
    expect_same(bits);
  }
}

TEST(RoundTrip, KeepsAssociativeContainers) {
  expect_same(std::set<std::string>{"b", "a"});
  expect_same(std::multiset<int>{1, 1, 2});
  expect_same(std::unordered_set<int>{5, 6});
  expect_same(std::map<int, std::string>{{1, "one"}, {2, "two"}});
  expect_same(std::multimap<int, int>{{1, 1}, {1, 2}});
  expect_same(std::unordered_map<std::string, int>{{"a", 1}});
  expect_same(std::unordered_multimap<int, int>{{1, 1}, {1, 2}});
  expect_same(std::map<int, int, std::greater<>>{{1, 1}, {2, 2}});
}

TEST(RoundTrip, KeepsProductsAndSums) {
  expect_same(std::pair(1, std::string("one")));
  expect_same(std::tuple<>());
  expect_same(std::tuple(1, 2.5, std::string("x")));
  expect_same(std::tuple(std::tuple(std::tuple(7))));
  expect_same(std::array<int, 0>{});
  expect_same(std::array<int, 3>{1, 2, 3});
  expect_same(std::array<std::array<std::string, 2>, 2>{{{"a", "b"}, {"c", "d"}}});
  expect_same(std::array<royong_test::Constant, 2>{{{1, "a"}, {2, "b"}}});
  std::array<std::string, 100> many;
  many[99] = "last";
  expect_same(many);
  expect_same(std::optional<const int>(5));
  expect_same(std::variant<const int, std::string>(5));
  expect_same(std::optional<int>());
  expect_same(std::optional(std::optional(5)));
  expect_same(std::variant<int, std::string>("text"));
  expect_same(std::variant<int, int>(std::in_place_index<1>, 5));
  expect_same(std::monostate());
}

TEST(RoundTrip, KeepsTimes) {
  using namespace std::chrono;
  expect_same(hours(-5));
  expect_same(duration<double, std::milli>(0.25));
  expect_same(steady_clock::now());
  expect_same(year_month_day(year(2024), month(2), day(29)));
  expect_same(sys_days(year(1999) / 12 / 31));
}

TEST(RoundTrip, KeepsOtherTypesOfTheStandardLibrary) {
  expect_same(std::filesystem::path("/tmp/../x"));
  expect_same(std::complex<float>(1, 2));
  expect_same(std::complex<long double>(1, 2));
  expect_same(std::bitset<0>());
  expect_same(std::bitset<130>("1011").set(129));
}

TEST(RoundTrip, KeepsOwnedObjects) {
  EXPECT_EQ(there_and_back(std::unique_ptr<int>()), nullptr);
  EXPECT_EQ(*there_and_back(std::make_unique<std::string>("owned")), "owned");
  std::vector<std::unique_ptr<int>> many;
  many.push_back(std::make_unique<int>(5));
  many.push_back(nullptr);
  const auto copy = there_and_back(many);
  ASSERT_EQ(copy.size(), 2U);
  EXPECT_EQ(*copy[0], 5);
  EXPECT_EQ(copy[1], nullptr);
}

TEST(RoundTrip, KeepsAggregates) {
  expect_same(royong_test::Plain{1, 2});
  expect_same(royong_test::Padded{'x', 2, true});
  expect_same(royong_test::Constant{1, "name"});
  expect_same(royong_test::everything());
  struct Empty {
    bool operator==(const Empty&) const = default;
  };
  expect_same(Empty());
}

TEST(RoundTrip, KeepsAggregatesOfContainersThatCannotBeCopied) {
  struct Crate {
    std::optional<int> number;  // beside it: others that an initialiser could be ambiguous for
    std::string label;
    std::vector<std::unique_ptr<int>> items;
    std::chrono::nanoseconds age{};
    std::map<int, std::vector<std::unique_ptr<std::string>>> shelves;
  };
  static_assert(std::is_copy_constructible_v<std::vector<std::unique_ptr<int>>>);  // says it
  Crate crate{4, "fragile", {}, std::chrono::nanoseconds(5), {}};
  crate.items.push_back(std::make_unique<int>(6));
  crate.shelves[7].push_back(std::make_unique<std::string>("eight"));
  std::vector<Crate> crates;
  crates.push_back(std::move(crate));
  const auto copy = there_and_back(crates);
  EXPECT_EQ(copy.at(0).number, 4);
  EXPECT_EQ(copy[0].label, "fragile");
  EXPECT_EQ(*copy[0].items.at(0), 6);
  EXPECT_EQ(copy[0].age, std::chrono::nanoseconds(5));
  EXPECT_EQ(*copy[0].shelves.at(7).at(0), "eight");
}

TEST(RoundTrip, KeepsClassesWithSerialize) {
  expect_same(royong_test::Account(3, "me"));
  expect_same(std::vector<royong_test::Account>{{1, "a"}, {2, "b"}});
}

TEST(RoundTrip, KeepsRecursiveTypes) {
  royong_test::Tree tree;
  tree.value = 1;
  tree.children.resize(2);
  tree.children[1].value = 2;
  tree.named["deep"].children.resize(1);
  tree.next = std::make_unique<royong_test::Tree>();
  tree.next->value = 3;
  const royong_test::Tree copy = there_and_back(tree);
  EXPECT_EQ(copy.value, 1);
  EXPECT_EQ(copy.children.at(1).value, 2);
  EXPECT_EQ(copy.named.at("deep").children.size(), 1U);
  EXPECT_EQ(copy.next->value, 3);
}

TEST(RoundTrip, KeepsStatelessFunctionObjects) {
  const auto twice = [](int x) { return 2 * x; };
  EXPECT_EQ(there_and_back(twice)(4), 8);
  EXPECT_TRUE(there_and_back(std::less<>())(1, 2));
}

struct Beside {
  int number = 0;
};
template <class Archive>
void serialize(Archive& ar, Beside& value) {
  ar(value.number);
  if constexpr (Archive::is_loading) value.number *= 10;
}

TEST(RoundTrip, FindsSerializeBesideTheClass) { EXPECT_EQ(there_and_back(Beside{4}).number, 40); }

RC_GTEST_PROP(RoundTrip, KeepsAnyNestOfContainers,
              (const std::map<std::string, std::vector<std::pair<int, std::string>>>& value)) {
  RC_ASSERT(there_and_back(value) == value);
}

RC_GTEST_PROP(RoundTrip, KeepsAnyBitsAndNumbers,
              (const std::vector<bool>& bits, const std::vector<double>& numbers,
               const std::set<std::int64_t>& set)) {
  RC_ASSERT(there_and_back(std::tuple(bits, numbers, set)) == std::tuple(bits, numbers, set));
}

TEST(Transferable, IsAnsweredAtCompileTime) {
  static_assert(Transferable<royong_test::Everything>);
  static_assert(Transferable<royong_test::Tree>);
  static_assert(Transferable<const int>);
  static_assert(!Transferable<int*>);
  static_assert(!Transferable<int&>);
  static_assert(!Transferable<std::string_view>);
  static_assert(!Transferable<std::vector<std::pair<int, const char*>>>);
  static_assert(!Transferable<std::vector<int>::iterator>);
  static_assert(!Transferable<std::bitset<8>::reference>);
  struct Named : std::vector<int> {
    std::string name;
  };
  static_assert(!Transferable<Named>);  // would be cut down to its base
  struct Referring {
    int first;
    std::vector<int>& second;
  };
  static_assert(!Transferable<Referring>);
}

TEST(Transferable, LooksForPointersMemberByMemberBeforeItCopiesBytes) {
  struct Hidden {
    int number;
    int* pointer;
  };
  static_assert(std::is_trivially_copyable_v<Hidden> && !Transferable<Hidden>);
  static_assert(detail::is_plain<royong_test::Plain>);
  static_assert(!detail::is_plain<royong_test::Padded>);
  static_assert(!detail::is_plain<bool> && !detail::is_plain<long double>);
}

}  // namespace
}  // namespace royong
