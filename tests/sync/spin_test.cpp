// SPDX-License-Identifier: Apache-2.0
#include "sync/spin.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "os/limits.hpp"

namespace royong {
namespace {

using sync::SpinHistory;
using sync::Spinner;

int rounds_of(Spinner& spinner) {
  int rounds = 0;
  while (spinner.once()) ++rounds;
  return rounds;
}

template <class F>
void on_processors(const std::vector<int>& processors, F body) {
  std::thread([&] {
    os::set_affinity(processors);
    body();
  }).join();
}

TEST(Spinner, has_no_rounds_where_its_thread_may_run_on_one_processor_alone) {
  on_processors({os::affinity().front()}, [] {
    Spinner spinner(64);
    EXPECT_EQ(rounds_of(spinner), 0);
  });
}

TEST(Spinner, learns_of_more_processors_after_some_sleeps) {
  const auto all = os::affinity();
  if (all.size() < 2) GTEST_SKIP() << "one processor";
  on_processors({all.front()}, [&] {
    Spinner first(8);
    EXPECT_EQ(rounds_of(first), 0);
    os::set_affinity(all);
    int sleeps = 1;
    for (;; ++sleeps) {
      Spinner next(8);
      if (rounds_of(next) == 8) break;
    }
    EXPECT_EQ(sleeps, 16);
  });
}

TEST(Spinner, stops_where_it_is_moved_to_one_processor) {
  const auto all = os::affinity();
  if (all.size() < 2) GTEST_SKIP() << "one processor";
  on_processors(all, [&] {
    Spinner before(64);
    EXPECT_EQ(rounds_of(before), 64);
    os::set_affinity({all.front()});
    Spinner at_the_move(64);
    EXPECT_EQ(rounds_of(at_the_move), 16) << "until it yields";
    Spinner after(64);
    EXPECT_EQ(rounds_of(after), 0);
  });
}

TEST(Spinner, at_a_place_where_it_never_pays_gives_it_up_but_for_a_trial_now_and_then) {
  if (os::affinity().size() < 2) GTEST_SKIP() << "one processor";
  const int place = 0;
  for (int i = 0; i < 10; ++i) SpinHistory::of(&place).record(true);
  int spins = 0;
  constexpr int waits = 327;
  for (int i = 0; i < waits; ++i) {
    Spinner spinner(4, &place);
    const int rounds = rounds_of(spinner);
    EXPECT_TRUE(rounds == 0 || rounds == 4) << "all of the budget or nothing";
    if (rounds != 0) ++spins;
  }
  EXPECT_EQ(spins, 7 + (waits - 7) / 32);
}

TEST(SpinHistory, advises_spinning_until_most_spins_were_in_vain) {
  SpinHistory history{};
  for (int i = 0; i < 7; ++i) {
    EXPECT_TRUE(history.advises_spinning());
    history.record(false);
  }
  EXPECT_FALSE(history.advises_spinning());
}

TEST(SpinHistory, of_as_many_spins_that_paid_as_in_vain_advises_spinning_for_ever) {
  SpinHistory history{};
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(history.advises_spinning());
    history.record(i % 2 == 0);
  }
}

TEST(SpinHistory, comes_back_when_a_trial_pays) {
  SpinHistory history{};
  for (int i = 0; i < 7; ++i) history.record(false);
  int waits = 1;
  while (!history.advises_spinning()) ++waits;
  EXPECT_EQ(waits, 32);
  history.record(true);
  EXPECT_TRUE(history.advises_spinning());
  EXPECT_TRUE(history.advises_spinning());
}

}  // namespace
}  // namespace royong
