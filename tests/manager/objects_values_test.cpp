// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The served dict, list, set, value, array and namespace, without a server: what they say, and that nothing is half done.
 */
#include <gtest/gtest.h>

#include <algorithm>  // for std::is_sorted
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "manager/objects/namespace.hpp"
#include "manager/sink.hpp"
#include "royong/detail/manager/objects/dict.hpp"
#include "royong/detail/manager/objects/list.hpp"
#include "royong/detail/manager/objects/set.hpp"
#include "royong/detail/manager/objects/value.hpp"
#include "royong/detail/manager/timers.hpp"
#include "royong/error.hpp"
#include "royong/sync.hpp"
#include "support/matchers.hpp"

namespace royong {
namespace {

using detail::PackedValue;
using detail::ServedArray;
using detail::ServedDict;
using detail::ServedList;
using detail::ServedNamespace;
using detail::ServedSet;
using detail::ServedValue;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Ages = ServedDict<std::string, int>;

/// A key that has `<` and no hash.
struct Point {
  int x = 0;
  int y = 0;
  friend bool operator<(const Point& a, const Point& b) {
    return a.x != b.x ? a.x < b.x : a.y < b.y;
  }
};

/// An element that can be compared with nothing.
struct Opaque {
  int n = 0;
};

/// Written and read again.
template <class Class>
void copy_state(const Class& from, Class& to) {
  detail::Writer out(detail::Transit::foreign);
  from.save(out);
  detail::Reader in(out.bytes(), {.foreign = true});
  to.load(in);
  in.expect_end();
}

TEST(ServedDict, keeps_the_order_of_insertion) {
  Ages ages;
  ages.set("Wati", 31);
  ages.set("Budi", 12);
  ages.set("Sari", 54);
  ages.set("Wati", 32);  // stays where it was
  EXPECT_THAT(ages.items(), ElementsAre(Pair("Wati", 32), Pair("Budi", 12), Pair("Sari", 54)));
  EXPECT_THAT(ages.keys(), ElementsAre("Wati", "Budi", "Sari"));
  EXPECT_THAT(ages.values(), ElementsAre(32, 12, 54));
  EXPECT_TRUE(ages.erase("Budi"));
  ages.set("Budi", 13);  // at the end now
  EXPECT_THAT(ages.keys(), ElementsAre("Wati", "Sari", "Budi"));
  EXPECT_EQ(ages.popitem(), std::pair(std::string("Budi"), 13));
}

TEST(ServedDict, a_missing_key_is_named) {
  Ages ages;
  EXPECT_THROW_MESSAGE(ages.at("Wati"), std::out_of_range,
                       "cannot read a ManagerDict: the key 'Wati' is not there");
  EXPECT_THROW_MESSAGE(ages.pop("Wati"), std::out_of_range,
                       "cannot pop from a ManagerDict: the key 'Wati' is not there");
  EXPECT_THROW_MESSAGE(ages.popitem(), std::out_of_range, "it is empty");
  EXPECT_EQ(ages.get("Wati"), std::nullopt);
  EXPECT_EQ(ages.try_pop("Wati"), std::nullopt);
  EXPECT_FALSE(ages.erase("Wati"));
  ServedDict<int, int> numbers;
  EXPECT_THROW_MESSAGE(numbers.at(-7), std::out_of_range, "the key -7 is not there");
}

TEST(ServedDict, setdefault_gives_what_is_there) {
  Ages ages;
  EXPECT_EQ(ages.setdefault("Wati", 31), 31);
  EXPECT_EQ(ages.setdefault("Wati", 99), 31);
  ages.merge({{"Budi", 12}, {"Wati", 32}});
  EXPECT_THAT(ages.items(), ElementsAre(Pair("Wati", 32), Pair("Budi", 12)));
}

TEST(ServedDict, keys_without_hash_are_found_by_their_order) {
  ServedDict<Point, std::string> names;
  names.set({3, 1}, "c");
  names.set({1, 2}, "a");
  names.set({3, 1}, "d");
  EXPECT_EQ(names.size(), 2U);
  EXPECT_EQ(names.at({3, 1}), "d");
  EXPECT_EQ(names.pop({1, 2}), "a");
  EXPECT_THROW_MESSAGE(names.at({1, 2}), std::out_of_range, "the key is not there");
}

TEST(ServedDict, update_works_on_the_value_itself) {
  Ages ages;
  const auto birthday = [](int& age) { return ++age; };
  EXPECT_EQ(ages.update("Wati", birthday), 1);  // began with 0
  EXPECT_EQ(ages.update("Wati", birthday), 2);
  EXPECT_EQ(ages.update(
                "Wati",
                [](int& age, int years) {
                  age += years;
                  return age;
                },
                40),
            42);
}

TEST(ServedDict, an_update_that_throws_leaves_no_new_value) {
  Ages ages;
  const auto fail = [](int&) { throw std::runtime_error("no"); };
  EXPECT_THROW(ages.update("Wati", fail), std::runtime_error);
  EXPECT_FALSE(ages.contains("Wati"));
  ages.set("Wati", 3);
  EXPECT_THROW(ages.update("Wati", fail), std::runtime_error);
  EXPECT_EQ(ages.at("Wati"), 3);
}

TEST(ServedDict, what_cannot_be_made_of_nothing_is_not_made_by_update) {
  ServedDict<std::string, Barrier> barriers;
  EXPECT_THROW(barriers.update("start", [](Barrier&) {}), std::out_of_range);
  barriers.set("start", Barrier(3));
  EXPECT_EQ(barriers.update("start", [](Barrier& barrier) { return barrier.parties(); }), 3);
}

TEST(ServedDict, is_the_same_after_a_snapshot) {
  Ages ages;
  ages.merge({{"Wati", 31}, {"Budi", 12}});
  Ages restored;
  restored.set("old", 1);
  copy_state(ages, restored);
  EXPECT_THAT(restored.items(), ElementsAre(Pair("Wati", 31), Pair("Budi", 12)));
}

TEST(ServedDict, operations_carry_exceptions_and_values) {
  detail::Timers timers;
  test::Client client(1, timers);
  Ages ages;
  client.get<&Ages::set>(ages, "Wati", 31);
  EXPECT_EQ(client.get<&Ages::at>(ages, "Wati"), 31);
  EXPECT_THROW(client.get<&Ages::at>(ages, "Budi"), std::out_of_range);
  EXPECT_THAT(client.get<&Ages::items>(ages), ElementsAre(Pair("Wati", 31)));
}

TEST(ServedList, counts_from_the_end_as_python_does) {
  ServedList<int> list({10, 20, 30});
  EXPECT_EQ(list.get(-1), 30);
  EXPECT_EQ(list.get(-3), 10);
  EXPECT_THROW_MESSAGE(list.get(3), std::out_of_range, "index 3 is outside a ManagerList of 3");
  EXPECT_THROW(list.get(-4), std::out_of_range);
  EXPECT_THROW(list.get(INT64_MIN), std::out_of_range);
  EXPECT_EQ(list.pop(-1), 30);
  EXPECT_EQ(list.pop(0), 10);
  EXPECT_EQ(list.pop(-1), 20);
  EXPECT_THROW_MESSAGE(list.pop(-1), std::out_of_range, "it is empty");
}

TEST(ServedList, insert_never_goes_outside) {
  ServedList<int> list({1, 2});
  list.insert(100, 3);
  list.insert(-100, 0);
  list.insert(-1, 9);
  EXPECT_THAT(list.copy(), ElementsAre(0, 1, 2, 9, 3));
}

TEST(ServedList, values_are_found_counted_and_removed) {
  ServedList<int> list({1, 2, 1, 3});
  EXPECT_EQ(list.index(1, 0, INT64_MAX), 0U);
  EXPECT_EQ(list.index(1, 1, INT64_MAX), 2U);
  EXPECT_EQ(list.index(3, -1, INT64_MAX), 3U);
  EXPECT_THROW_MESSAGE(list.index(3, 0, 3), UsageError, "the value is not there");
  EXPECT_EQ(list.count(1), 2U);
  EXPECT_TRUE(list.contains(2));
  list.remove(1);
  EXPECT_THAT(list.copy(), ElementsAre(2, 1, 3));
  EXPECT_THROW(list.remove(7), UsageError);
}

TEST(ServedList, elements_without_comparison_are_refused_where_one_is_needed) {
  ServedList<Opaque> list({{2}, {1}});
  EXPECT_THROW_MESSAGE(list.index({1}, 0, INT64_MAX), UsageError, "have no ==");
  EXPECT_THROW_MESSAGE(list.sort(false), UsageError, "have no <");
  list.sort_by([](const Opaque& o) { return o.n; }, false);
  EXPECT_EQ(list.get(0).n, 1);
}

TEST(ServedList, sorting_is_stable_in_both_directions) {
  using Pair = std::pair<int, std::string>;
  ServedList<Pair> list({{2, "a"}, {1, "b"}, {2, "c"}, {1, "d"}});
  list.sort_by([](const Pair& p) { return p.first; }, false);
  EXPECT_THAT(list.copy(), ElementsAre(Pair{1, "b"}, Pair{1, "d"}, Pair{2, "a"}, Pair{2, "c"}));
  list.sort_by([](const Pair& a, const Pair& b) { return a.first < b.first; }, true);
  EXPECT_THAT(list.copy(), ElementsAre(Pair{2, "a"}, Pair{2, "c"}, Pair{1, "b"}, Pair{1, "d"}));
}

TEST(ServedList, a_comparison_that_throws_changes_nothing) {
  ServedList<std::string> list({"b", "c", "a", "d"});
  int calls = 0;
  const auto fails = [&](const std::string& a, const std::string& b) {
    if (++calls == 4) throw std::runtime_error("no");
    return a < b;
  };
  EXPECT_THROW(list.sort_by(fails, false), std::runtime_error);
  EXPECT_THAT(list.copy(), ElementsAre("b", "c", "a", "d"));
}

TEST(ServedList, a_comparison_that_makes_no_sense_harms_nobody) {
  std::vector<int> values(1000);
  for (int i = 0; i < 1000; ++i) values[static_cast<std::size_t>(i)] = i * 7 % 1000;
  ServedList<int> list(values);
  list.sort_by([](int, int) { return true; }, false);
  auto sorted = list.copy();
  EXPECT_THAT(sorted, testing::UnorderedElementsAreArray(values));
  list.sort(false);
  sorted = list.copy();
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
}

TEST(ServedList, an_assignment_to_a_slice_of_another_length_moves_the_rest) {
  ServedList<int> list({0, 1, 2, 3, 4});
  list.set_slice({1, 3}, {7, 8, 9});
  EXPECT_THAT(list.copy(), ElementsAre(0, 7, 8, 9, 3, 4));
  list.set_slice({4, 2}, {5});  // empty: inserts
  EXPECT_THAT(list.copy(), ElementsAre(0, 7, 8, 9, 5, 3, 4));
  EXPECT_THROW_MESSAGE(list.set_slice({.step = 2}, {1, 2}), UsageError, "it has 4 elements, not 2");
  list.set_slice({.step = -2}, {1, 2, 3, 4});
  EXPECT_THAT(list.copy(), ElementsAre(4, 7, 3, 9, 2, 3, 1));
  list.erase_slice({.step = 3});
  EXPECT_THAT(list.copy(), ElementsAre(7, 3, 2, 3));
}

TEST(ServedList, of_bools_has_elements_that_can_be_referred_to) {
  ServedList<bool> list({true, false});
  list.update(1, [](bool& b) { b = !b; });
  EXPECT_THAT(list.copy(), ElementsAre(true, true));
}

TEST(ServedList, repeats) {
  ServedList<int> list({1, 2});
  list.repeat(3);
  EXPECT_THAT(list.copy(), ElementsAre(1, 2, 1, 2, 1, 2));
  EXPECT_THROW_MESSAGE(list.repeat(INT64_MAX), UsageError, "too long");
  list.repeat(0);
  EXPECT_THAT(list.copy(), IsEmpty());
}

TEST(ServedList, a_slice_is_as_in_python) {
  // Against positions taken one by one, for every start, stop and step in reach.
  for (std::int64_t size = 0; size <= 4; ++size) {
    for (std::int64_t start = -6; start <= 6; ++start) {
      for (std::int64_t stop = -6; stop <= 6; ++stop) {
        for (std::int64_t step = -3; step <= 3; ++step) {
          if (step == 0) continue;
          std::vector<std::size_t> expected;
          std::int64_t i = start < 0 ? start + size : start;
          i = step > 0 ? std::max<std::int64_t>(i, 0) : std::min(i, size - 1);
          std::int64_t end = stop < 0 ? stop + size : stop;
          if (end < 0) end = -1;
          for (; step > 0 ? (i < end && i < size) : (i > end && i >= 0); i += step) {
            expected.push_back(static_cast<std::size_t>(i));
          }
          const auto positions = detail::resolve_slice({start, stop, step}, size_t(size));
          std::vector<std::size_t> found;
          for (std::size_t k = 0; k < positions.count; ++k) found.push_back(positions[k]);
          ASSERT_EQ(found, expected) << start << ":" << stop << ":" << step << " of " << size;
        }
      }
    }
  }
  EXPECT_EQ(detail::resolve_slice({.step = INT64_MIN}, 5).count, 1U);
  EXPECT_EQ(detail::resolve_slice({.step = INT64_MAX}, 5).count, 1U);
  EXPECT_EQ(detail::resolve_slice({INT64_MIN, INT64_MAX}, 5).count, 5U);
  EXPECT_THROW_MESSAGE(detail::resolve_slice({.step = 0}, 5), UsageError, "its step is 0");
}

TEST(ServedSet, knows_each_element_once) {
  ServedSet<std::string> set;
  EXPECT_TRUE(set.add("a"));
  EXPECT_FALSE(set.add("a"));
  EXPECT_TRUE(set.add("b"));
  EXPECT_TRUE(set.discard("a"));
  EXPECT_FALSE(set.discard("a"));
  EXPECT_THROW_MESSAGE(set.remove("a"), std::out_of_range, "the key 'a' is not there");
  EXPECT_EQ(set.pop(), "b");
  EXPECT_THROW_MESSAGE(set.pop(), std::out_of_range, "it is empty");
}

TEST(ServedSet, does_set_algebra) {
  const ServedSet<int> set({1, 2, 3});
  EXPECT_THAT(set.united({3, 4, 4}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(set.intersection({3, 2, 9, 2}), ElementsAre(2, 3));
  EXPECT_THAT(set.difference({3, 9}), ElementsAre(1, 2));
  EXPECT_THAT(set.symmetric_difference({3, 4, 4}), ElementsAre(1, 2, 4));
  EXPECT_TRUE(set.issubset({3, 2, 1, 0}));
  EXPECT_FALSE(set.issubset({1, 1, 2}));
  EXPECT_TRUE(set.issuperset({3, 3, 1}));
  EXPECT_FALSE(set.issuperset({4}));
  EXPECT_TRUE(set.isdisjoint({4, 5}));
  EXPECT_FALSE(set.isdisjoint({4, 3}));
}

TEST(ServedValue, is_replaced_and_updated) {
  ServedValue<std::string> value("a");
  EXPECT_EQ(value.exchange("b"), "a");
  value.update([](std::string& s) { s += "c"; });
  EXPECT_EQ(value.get(), "bc");
}

TEST(ServedArray, keeps_its_length) {
  ServedArray<int> array(std::size_t{4});
  array.set(-1, 7);
  EXPECT_THAT(array.copy(), ElementsAre(0, 0, 0, 7));
  array.set_slice({0, 2}, {1, 2});
  EXPECT_THAT(array.slice({.step = -1}), ElementsAre(7, 0, 2, 1));
  EXPECT_THROW_MESSAGE(array.set_slice({0, 2}, {1, 2, 3}), UsageError, "it has 2 elements, not 3");
  EXPECT_THROW_MESSAGE(array.get(4), std::out_of_range, "index 4 is outside a ManagerArray of 4");
}

TEST(ServedNamespace, keeps_attributes_of_any_type) {
  ServedNamespace ns;
  ns.set("x", PackedValue::pack(1));
  ns.set("name", PackedValue::pack(std::string("Wati")));
  EXPECT_EQ(ns.get("x").unpack<int>("x"), 1);
  EXPECT_EQ(ns.get("name").unpack<std::string>("name"), "Wati");
  EXPECT_THROW_MESSAGE(ns.get("x").unpack<double>("attribute 'x'"), TransferError,
                       "cannot read attribute 'x' as double: it is of type int");
  EXPECT_THAT(ns.names(), ElementsAre("name", "x"));
  EXPECT_TRUE(ns.erase("x"));
  EXPECT_FALSE(ns.erase("x"));
  EXPECT_THROW_MESSAGE(ns.get("x"), std::out_of_range,
                       "cannot read attribute 'x' of a Namespace: it is not there");
}

TEST(ServedNamespace, an_update_has_the_type_that_is_there) {
  ServedNamespace ns;
  ns.set("n", PackedValue::pack(1));
  EXPECT_EQ(ns.update<int>("n", [](int& n) { return n += 4; }), 5);
  EXPECT_THROW(ns.update<long>("n", [](long&) {}), TransferError);
  EXPECT_EQ(ns.get("n").unpack<int>("n"), 5);
}

TEST(ServedNamespace, a_handle_lives_as_long_as_the_attribute) {
  ServedNamespace ns;
  {
    const Event event;
    event.set();
    detail::Writer out(detail::Transit::message);
    out(PackedValue::pack(event));
    detail::Reader in(out.bytes());
    out.commit();
    ns.set("event", in.read<PackedValue>());
  }
  for (int i = 0; i < 2; ++i) {
    const auto event = ns.get("event").unpack<Event>("event");
    EXPECT_TRUE(event.is_set());
  }
}

TEST(ServedNamespace, what_means_nothing_elsewhere_does_not_go_there) {
  ServedNamespace ns;
  ns.set("lock", PackedValue::pack(Lock()));
  detail::Writer out(detail::Transit::foreign);
  EXPECT_THROW_MESSAGE(ns.save(out), TransferError, "nothing to another program");
  EXPECT_TRUE(ns.erase("lock"));
  ns.set("x", PackedValue::pack(3));
  ServedNamespace restored;
  copy_state(ns, restored);
  EXPECT_EQ(restored.get("x").unpack<int>("x"), 3);
}

TEST(PackedValue, from_strangers_is_believed_only_after_a_check) {
  detail::Writer out(detail::Transit::argument);
  out(PackedValue::pack(Lock()));
  detail::Reader in(out.bytes(), {.foreign = true});
  EXPECT_THROW(in.read<PackedValue>(), TransferError);
  for (std::size_t length = 0; length < out.size(); ++length) {
    detail::Reader half(out.bytes().first(length));
    EXPECT_THROW(half.read<PackedValue>(), TransferError);
  }
}

}  // namespace
}  // namespace royong
