// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Dicts, lists, sets, namespaces and arrays of a manager, used by several processes.
 */
#include <gtest/gtest.h>

#include <unistd.h>

#include <map>        // for std::map
#include <numeric>    // for std::iota
#include <set>        // for std::set
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "manager/processes.hpp"
#include "process/every_start_method.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

using Ages = mp::ManagerDict<std::string, int>;
using Numbers = mp::ManagerList<int>;

template <class F, class... A>
void run_one(F f, A... arguments) {
  mp::Process process(f, arguments...);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

using ManagerObjects = EveryStartMethod;

void use_everything(Ages ages, Numbers numbers, mp::ManagerSet<std::string> names, mp::Namespace ns,
                    mp::ManagerValue<std::string> value, mp::ManagerArray<double> array) {
  ages["Budi"] = ages["Wati"] + 1;
  numbers.extend({4, 5});
  names.add("Sari");
  ns["answer"] = 42;
  value.set(value.get() + "!");
  array[-1] = 2.5;
}

TEST_P(ManagerObjects, are_the_same_in_every_process) {
  mp::set_start_method(GetParam(), true);
  const mp::Manager manager;
  const auto ages = manager.dict<std::string, int>();
  const auto numbers = manager.list<int>({1, 2});
  const auto names = manager.set<std::string>({"Wati"});
  const auto ns = manager.ns();
  const auto value = manager.value<std::string>("hello");
  const auto array = manager.array<double>(3);
  ages["Wati"] = 31;
  run_one(use_everything, ages, numbers, names, ns, value, array);
  EXPECT_THAT(ages.items(), ElementsAre(Pair("Wati", 31), Pair("Budi", 32)));
  EXPECT_THAT(numbers.copy(), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(names.copy(), ElementsAre("Sari", "Wati"));
  EXPECT_EQ(ns.get<int>("answer"), 42);
  EXPECT_EQ(value.get(), "hello!");
  EXPECT_THAT(array.copy(), ElementsAre(0, 0, 2.5));
  mp::set_start_method(mp::StartMethod::forkserver, true);
}

ROYONG_EVERY_START_METHOD(ManagerObjects);

TEST(ManagerDictTest, does_what_python_s_dict_does) {
  const mp::Manager manager;
  const auto dict = manager.dict<std::string, int>(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  EXPECT_EQ(dict.size(), 2U);
  EXPECT_TRUE(dict.contains("a"));
  EXPECT_EQ(dict.get("a"), 1);
  EXPECT_EQ(dict.get("x"), std::nullopt);
  EXPECT_EQ(dict.get("x", 9), 9);
  EXPECT_EQ(dict.at("b"), 2);
  EXPECT_THROW_MESSAGE(dict.at("x"), std::out_of_range, "the key 'x' is not there");
  EXPECT_THROW_MESSAGE(dict.pop("x"), std::out_of_range, "the key 'x' is not there");
  EXPECT_EQ(dict.pop("x", 7), 7);
  EXPECT_EQ(dict.pop("a"), 1);
  EXPECT_EQ(dict.setdefault("c", 3), 3);
  dict.update({{"d", 4}, {"b", 5}});
  dict.update(std::map<std::string, int>{{"e", 6}});
  EXPECT_THAT(dict.keys(), ElementsAre("b", "c", "d", "e"));
  EXPECT_THAT(dict.values(), ElementsAre(5, 3, 4, 6));
  EXPECT_EQ(dict.popitem(), std::pair(std::string("e"), 6));
  EXPECT_TRUE(dict.erase("d"));
  EXPECT_FALSE(dict.erase("d"));
  dict["f"] = dict["b"];
  EXPECT_TRUE(dict["f"] == 5);
  const std::map<std::string, int> copy = dict.copy();
  EXPECT_THAT(copy, ElementsAre(Pair("b", 5), Pair("c", 3), Pair("f", 5)));
  EXPECT_THAT((dict | std::map<std::string, int>{{"b", 0}, {"z", 1}}),
              ElementsAre(Pair("b", 0), Pair("c", 3), Pair("f", 5), Pair("z", 1)));
  dict |= {{"g", 1}};
  dict |= manager.dict<std::string, int>({{"g", 2}, {"h", 3}});
  EXPECT_EQ(dict.at("g"), 2);
  dict.del("g");
  dict.del("h");
  EXPECT_THROW_MESSAGE(dict.del("g"), std::out_of_range, "the key 'g' is not there");
  int sum = 0;
  for (auto& [key, value] : dict) {
    value += 1;  // of the snapshot
    sum += value;
  }
  EXPECT_EQ(sum, 16);
  EXPECT_EQ(dict.at("b"), 5);
  dict.clear();
  EXPECT_TRUE(dict.empty());
}

void increment(int& n) { ++n; }

void count_up(Ages ages) {
  for (int i = 0; i < 250; ++i) {
    ages.update("lambda", [](int& n) { ++n; });
    ages.update("function", increment);
    ages.update("argument", [](int& n, int by) { n += by; }, 2);
  }
}

TEST(ManagerDictTest, no_update_is_lost) {
  const mp::Manager manager;
  const auto ages = manager.dict<std::string, int>();
  std::vector<mp::Process> processes;
  for (int i = 0; i < 4; ++i) processes.emplace_back(count_up, ages);
  run(processes);
  EXPECT_EQ(ages.at("lambda"), 1000);
  EXPECT_EQ(ages.at("function"), 1000);
  EXPECT_EQ(ages.at("argument"), 2000);
  EXPECT_EQ(ages.update("lambda", [](int& n) { return n * 2; }), 2000);
}

TEST(ManagerDictTest, what_an_update_throws_comes_back_as_itself) {
  const mp::Manager manager;
  const auto ages = manager.dict<std::string, int>();
  EXPECT_THROW_MESSAGE(ages.update("x", [](int&) { throw std::invalid_argument("no such age"); }),
                       std::invalid_argument, "no such age");
  EXPECT_FALSE(ages.contains("x"));
}

void fill(mp::ManagerDict<std::string, Numbers> lists, std::string key, int first) {
  const Numbers mine = lists.at(key);
  for (int i = 0; i < 50; ++i) mine.append(first + i);
}

TEST(ManagerDictTest, proxies_are_values_too) {
  const mp::Manager manager;
  const auto lists = manager.dict<std::string, Numbers>();
  lists["even"] = manager.list<int>();
  lists["odd"] = manager.list<int>();
  std::vector<mp::Process> processes;
  processes.emplace_back(fill, lists, "even", 0);
  processes.emplace_back(fill, lists, "odd", 1000);
  run(processes);
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(lists.at("even").copy(), expected);
  EXPECT_EQ(lists.at("odd").size(), 50U);
  const Numbers kept = lists.pop("odd");  // lives on by this proxy
  lists.clear();
  kept.append(1);
  EXPECT_EQ(kept.get(-1), 1);
}

TEST(ManagerListTest, does_what_python_s_list_does) {
  const mp::Manager manager;
  const auto list = manager.list<int>();
  list.append(3);
  list += {1, 2};
  list += std::vector<int>{5, 4};
  EXPECT_THAT(list.copy(), ElementsAre(3, 1, 2, 5, 4));
  list.insert(0, 9);
  list.insert(-1, 8);
  EXPECT_THAT(list.copy(), ElementsAre(9, 3, 1, 2, 5, 8, 4));
  EXPECT_EQ(list.pop(), 4);
  EXPECT_EQ(list.pop(0), 9);
  EXPECT_THROW(list.pop(17), std::out_of_range);
  EXPECT_EQ(list[-1], 8);
  list[-1] = 7;
  list[0] = list[1];
  EXPECT_THAT(list.copy(), ElementsAre(1, 1, 2, 5, 7));
  EXPECT_EQ(list.index(2), 2U);
  EXPECT_EQ(list.count(1), 2U);
  list.remove(1);
  EXPECT_THROW(list.remove(100), mp::UsageError);
  list.reverse();
  EXPECT_THAT(list.copy(), ElementsAre(7, 5, 2, 1));
  EXPECT_THAT(list + std::vector<int>{0}, ElementsAre(7, 5, 2, 1, 0));
  EXPECT_THAT(list + list, ElementsAre(7, 5, 2, 1, 7, 5, 2, 1));
  EXPECT_THAT(list * 2, ElementsAre(7, 5, 2, 1, 7, 5, 2, 1));
  EXPECT_THAT(list * -1, ElementsAre());
  list.sort();
  EXPECT_THAT(list.slice({1, -1}), ElementsAre(2, 5));
  EXPECT_THAT(list.slice({.step = -2}), ElementsAre(7, 2));
  list.set_slice({0, 2}, {10, 20, 30});
  EXPECT_THAT(list.copy(), ElementsAre(10, 20, 30, 5, 7));
  list.erase_slice({.start = 3});
  list.erase(0);
  list *= 2;
  EXPECT_THAT(list.copy(), ElementsAre(20, 30, 20, 30));
  list.sort([](int a, int b) { return a > b; });
  EXPECT_THAT(list.copy(), ElementsAre(30, 30, 20, 20));
  list.sort([](int a) { return -a; }, true);
  EXPECT_THAT(list.copy(), ElementsAre(20, 20, 30, 30));
  list.update(0, [](int& value, int by) { value += by; }, 5);
  std::vector<int> seen;
  for (auto& value : list) {
    seen.push_back(value);
    if (seen.size() == 2) list.clear();  // the loop runs over what was there
  }
  EXPECT_THAT(seen, ElementsAre(25, 20, 30, 30));
  EXPECT_TRUE(list.empty());
}

TEST(ManagerListTest, a_comparison_that_throws_leaves_the_list) {
  const mp::Manager manager;
  const auto list = manager.list<int>({2, 1, 3});
  EXPECT_THROW(list.sort([](int, int) -> bool { throw std::domain_error("no order"); }),
               std::domain_error);
  EXPECT_THAT(list.copy(), ElementsAre(2, 1, 3));
}

TEST(ManagerSetTest, does_what_python_s_set_does) {
  const mp::Manager manager;
  const auto set = manager.set<int>({1, 2, 3});
  const auto other = manager.set<int>({3, 4});
  EXPECT_TRUE(set.add(5));
  EXPECT_FALSE(set.add(5));
  EXPECT_TRUE(set.discard(5));
  EXPECT_THROW(set.remove(5), std::out_of_range);
  EXPECT_THAT(set | other, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(set & other, ElementsAre(3));
  EXPECT_THAT(set - other, ElementsAre(1, 2));
  EXPECT_THAT(set ^ std::set<int>({3, 4}), ElementsAre(1, 2, 4));
  EXPECT_THAT(set.union_with({7}), ElementsAre(1, 2, 3, 7));
  EXPECT_TRUE(set.issuperset({1, 2}));
  EXPECT_TRUE(set.issubset(std::vector<int>{0, 1, 2, 3}));
  EXPECT_TRUE(set.isdisjoint({8}));
  EXPECT_TRUE(set <= std::set<int>({1, 2, 3}));
  EXPECT_FALSE(set < std::set<int>({1, 2, 3}));
  EXPECT_TRUE(set < std::set<int>({1, 2, 3, 4}));
  EXPECT_TRUE(set >= std::set<int>({1, 2, 3}));
  EXPECT_FALSE(set > std::set<int>({1, 2, 3}));
  EXPECT_TRUE(set > std::set<int>({1}));
  EXPECT_FALSE(set > other);
  set |= other;
  set -= std::vector<int>{1};
  EXPECT_THAT(set.copy(), ElementsAre(2, 3, 4));
  set &= std::vector<int>{2, 3};
  set ^= set;
  EXPECT_TRUE(set.empty());
  EXPECT_THROW(set.pop(), std::out_of_range);
}

struct Point {
  int x = 0;
  int y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

TEST(NamespaceTest, keeps_values_of_any_type) {
  const mp::Manager manager;
  const auto ns = manager.ns();
  ns["number"] = 7;
  ns["text"] = "seven";
  ns["point"] = Point{1, 2};
  ns.set("list", manager.list<int>({1, 2}));
  const int number = ns["number"];
  EXPECT_EQ(number, 7);
  std::string text = ns["text"];
  text = ns["text"];
  EXPECT_EQ(text, "seven");
  EXPECT_TRUE(ns["text"] == "seven");
  EXPECT_EQ(ns.get<Point>("point"), (Point{1, 2}));
  ns.get<Numbers>("list").append(3);
  EXPECT_THAT(ns.get<Numbers>("list").copy(), ElementsAre(1, 2, 3));
  EXPECT_THAT(ns.names(), ElementsAre("list", "number", "point", "text"));
  EXPECT_THROW_MESSAGE(ns.get<double>("number"), mp::TransferError,
                       "cannot read attribute 'number' as double: it is of type int");
  EXPECT_THROW_MESSAGE(ns.get<int>("nothing"), std::out_of_range,
                       "cannot read attribute 'nothing' of a Namespace: it is not there");
  EXPECT_EQ(ns.get<int>("nothing", 5), 5);
  EXPECT_EQ(ns.update<int>("number", [](int& n) { return n += 1; }), 8);
  ns["copy"] = ns["point"];
  EXPECT_EQ(ns.get<Point>("copy"), (Point{1, 2}));
  ns.del("copy");
  EXPECT_FALSE(ns.has("copy"));
  EXPECT_THROW(ns.del("copy"), std::out_of_range);
  EXPECT_THROW_MESSAGE(ns.set("_x", 1), mp::UsageError, "private to a process");
  EXPECT_THROW(ns["_x"] = 1, mp::UsageError);
  EXPECT_THROW(ns.set("", 1), mp::UsageError);
}

void put_a_handle(mp::Namespace ns) {
  const mp::Event event;
  event.set();
  ns["event"] = event;
}

TEST(NamespaceTest, a_handle_outlives_the_process_that_put_it) {
  const mp::Manager manager;
  const auto ns = manager.ns();
  run_one(put_a_handle, ns);
  EXPECT_TRUE(ns.get<mp::Event>("event").is_set());
}

TEST(ManagerArrayTest, is_read_and_written_by_index) {
  const mp::Manager manager;
  const auto array = manager.array<int>(std::vector<int>{1, 2, 3});
  array[0] = array[2];
  EXPECT_EQ(array.load(-3), 3);
  EXPECT_THROW(array.load(3), std::out_of_range);
  EXPECT_THROW(array[-4] = 1, std::out_of_range);
  array.set_slice({1, 3}, {8, 9});
  EXPECT_THROW(array.set_slice({1, 3}, {8}), mp::UsageError);
  EXPECT_EQ(array.update(0, [](int& value) { return value *= 10; }), 30);
  EXPECT_THAT(array.slice({.stop = 2}), ElementsAre(30, 8));
  EXPECT_EQ(array.size(), 3U);
  EXPECT_EQ(manager.array<bool>(2).copy(), (std::vector<bool>{false, false}));
}

}  // namespace
}  // namespace royong_test
