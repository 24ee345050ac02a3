// SPDX-License-Identifier: Apache-2.0
// Every interleaving of small programs over the library's own EventCount, LockWord and Notice, with a death at every point.
#include <gtest/gtest.h>

#include <chrono>      // for std::chrono::minutes
#include <functional>  // for std::function
#include <iostream>    // for std::cout
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "model/scenarios.hpp"
#include "support/watchdog.hpp"

namespace royong_model {

std::vector<Scenarios>& registered_scenarios() {
  static std::vector<Scenarios> all;
  return all;
}

bool register_scenarios(Scenarios scenarios) {
  registered_scenarios().push_back(std::move(scenarios));
  return true;
}

const std::vector<Scenarios>& all_scenarios() { return registered_scenarios(); }

namespace {

const Scenarios& the_sources() {
  for (const auto& each : all_scenarios()) {
    if (each.mutant == "none") return each;
  }
  throw std::logic_error("the sources were not compiled into this test");
}

void print(const std::string& what, const Outcome& outcome) {
  std::cout << what << ": " << outcome.states << " states, " << outcome.executions << " runs"
            << (outcome.violation.empty() ? "" : ", found: " + outcome.violation) << "\n";
}

struct Exploration {
  std::string name;
  std::function<Outcome(const Scenarios&)> run;
};

/// What is right in every order.
const std::vector<Exploration>& right() {
  static const std::vector<Exploration> all{
      {"items, nobody dies", [](const Scenarios& s) { return s.items({}, Misuse::none, 2); }},
      {"item, a waiter dies, slices",
       [](const Scenarios& s) {
         return s.items({.deaths = 1, .mortal = 0, .slices = true}, Misuse::none, 1);
       }},
      {"item, one dies, swept",
       [](const Scenarios& s) { return s.items({.deaths = 1, .sweeper = true}, Misuse::none, 1); }},
      {"flag, nobody dies", [](const Scenarios& s) { return s.flag({}, Misuse::none); }},
      {"flag, two die, slices",
       [](const Scenarios& s) { return s.flag({.deaths = 2, .slices = true}, Misuse::none); }},
      {"flag, one dies, swept",
       [](const Scenarios& s) { return s.flag({.deaths = 1, .sweeper = true}, Misuse::none); }},
      {"notices, 1 waiter, nobody dies", [](const Scenarios& s) { return s.notices({}, 1, 1); }},
      {"notices, 1 waiter, one dies, slices",
       [](const Scenarios& s) { return s.notices({.deaths = 1, .slices = true}, 1, 1); }},
      {"notices, 2 waiters, nobody dies", [](const Scenarios& s) { return s.notices({}, 2, 1); }},
      {"notices, 2 waiters, a waiter dies, swept",
       [](const Scenarios& s) {
         return s.notices({.deaths = 1, .mortal = 0, .sweeper = true}, 2, 1);
       }},
      {"notices, 2 waiters, the notifier dies, swept",
       [](const Scenarios& s) {
         return s.notices({.deaths = 1, .mortal = 2, .sweeper = true}, 2, 1);
       }},
      {"lock, 2 processes, slices that end early",
       [](const Scenarios& s) { return s.lock({.slices = true, .early_slices = 3}, 2); }},
      {"lock, 2 processes, one dies, slices",
       [](const Scenarios& s) { return s.lock({.deaths = 1, .slices = true}, 2); }},
      {"lock, 2 processes, one dies, swept and slices",
       [](const Scenarios& s) {
         return s.lock({.deaths = 1, .slices = true, .sweeper = true}, 2);
       }},
      {"lock, 3 processes, nobody dies", [](const Scenarios& s) { return s.lock({}, 3); }},
      {"lock, 2 processes, one dies, swept",
       [](const Scenarios& s) { return s.lock({.deaths = 1, .sweeper = true}, 2); }},
      {"lock, 3 processes, one dies, slices",
       [](const Scenarios& s) {
         return s.lock({.deaths = 1, .slices = true, .early_slices = 0}, 3);
       }},
      {"notices, 2 waiters, a notifier each, nobody dies",
       [](const Scenarios& s) { return s.notices({}, 2, 2); }},
      {"notices, 2 waiters, a notifier each, one of these dies, slices",
       [](const Scenarios& s) {
         return s.notices({.deaths = 1, .mortal = 2, .slices = true, .early_slices = 0}, 2, 2);
       }},
  };
  return all;
}

TEST(Model, holds_in_every_order_with_a_death_at_every_point) {
  royong_test::allow_time(std::chrono::minutes(3));
  for (const auto& exploration : right()) {
    const auto outcome = exploration.run(the_sources());
    print(exploration.name, outcome);
    EXPECT_EQ(outcome.violation, "") << exploration.name << "\n" << outcome.trace;
  }
}

// What each repair is for: without it the explorer finds the death that it mends.
TEST(Model, a_waiter_that_dies_with_a_wake_up_in_its_hand_is_what_slices_and_sweeps_are_for) {
  const auto outcome = the_sources().items({.deaths = 1, .mortal = 0}, Misuse::none, 1);
  print("items, a waiter dies, no repair", outcome);
  EXPECT_NE(outcome.violation, "");
  EXPECT_NE(outcome.trace.find("thread 0: KILLED"), std::string::npos) << outcome.trace;
}

TEST(Model, a_waiter_that_dies_disturbs_no_notification_of_all_even_without_a_repair) {
  const auto outcome = the_sources().flag({.deaths = 1, .mortal = 0}, Misuse::none);
  print("flag, a waiter dies, no repair", outcome);
  EXPECT_EQ(outcome.violation, "") << outcome.trace;
}

TEST(Model, a_notifier_that_dies_after_it_published_is_what_slices_and_sweeps_are_for) {
  const auto outcome = the_sources().flag({.deaths = 1, .mortal = 2}, Misuse::none);
  print("flag, the notifier dies, no repair", outcome);
  EXPECT_NE(outcome.trace.find("thread 2: KILLED"), std::string::npos) << outcome.trace;
}

TEST(Model, an_owner_that_dies_is_what_slices_and_sweeps_are_for) {
  const auto outcome = the_sources().lock({.deaths = 1, .mortal = 0}, 2);
  print("lock, one dies, no repair", outcome);
  EXPECT_EQ(outcome.violation, "a process waits for ever for a lock") << outcome.trace;
}

TEST(Model, a_notifier_that_dies_before_it_woke_anybody_is_what_slices_and_sweeps_are_for) {
  const auto outcome = the_sources().notices({.deaths = 1, .mortal = 1}, 1, 1);
  print("notices, the notifier dies, no repair", outcome);
  EXPECT_EQ(outcome.violation, "a waiter that was notified sleeps for ever") << outcome.trace;
}

TEST(Model, finds_every_misuse_of_an_event_count) {
  for (const auto misuse : {Misuse::no_second_look, Misuse::announces_after_the_second_look,
                            Misuse::notifies_before_it_publishes}) {
    const auto items = the_sources().items({}, misuse, 2);
    print("items, misuse " + std::to_string(static_cast<int>(misuse)), items);
    EXPECT_NE(items.violation, "");
    const auto flag = the_sources().flag({}, misuse);
    print("flag, misuse " + std::to_string(static_cast<int>(misuse)), flag);
    EXPECT_NE(flag.violation, "");
  }
}

TEST(Model, finds_every_mutant_of_the_sources) {
  royong_test::allow_time(std::chrono::minutes(3));
  std::size_t mutants = 0;
  for (const auto& scenarios : all_scenarios()) {
    if (scenarios.mutant == "none") continue;
    ++mutants;
    std::string found;
    for (const auto& exploration : right()) {
      const auto outcome = exploration.run(scenarios);
      if (outcome.violation.empty()) continue;
      found = exploration.name;
      print(scenarios.mutant + ", " + found, outcome);
      break;
    }
    EXPECT_NE(found, "") << scenarios.mutant;
  }
  EXPECT_EQ(mutants, std::size_t{ROYONG_MODEL_MUTANTS});
}

}  // namespace
}  // namespace royong_model
