// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "process/every_start_method.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

// Each test is a process of its own: the default is fixed once for each.

TEST(StartMethod, is_forkserver_unless_something_else_is_said) {
  EXPECT_EQ(mp::get_start_method(), mp::StartMethod::forkserver);
  EXPECT_EQ(mp::get_all_start_methods().front(), mp::StartMethod::forkserver);
  EXPECT_EQ(mp::get_all_start_methods().size(), 3u);
}

TEST(StartMethod, is_set_once) {
  mp::set_start_method(mp::StartMethod::spawn, true);
  EXPECT_EQ(mp::get_start_method(), mp::StartMethod::spawn);
  EXPECT_THROW_MESSAGE(mp::set_start_method(mp::StartMethod::fork), mp::UsageError, "before");
  mp::set_start_method(mp::StartMethod::forkserver, true);
  EXPECT_EQ(mp::get_start_method(), mp::StartMethod::forkserver);
}

TEST(StartMethod, is_inherited_by_workers) {
  mp::set_start_method(mp::StartMethod::spawn, true);
  mp::Process process([] { std::exit(mp::get_start_method() == mp::StartMethod::spawn ? 7 : 8); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
  mp::set_start_method(mp::StartMethod::forkserver, true);
}

TEST(StartMethod, of_a_context_leaves_the_default_alone) {
  auto process = mp::get_context(mp::StartMethod::fork).process([] {});
  process.start();
  process.join();
  EXPECT_EQ(mp::get_start_method(), mp::StartMethod::forkserver);
}

}  // namespace
}  // namespace royong_test
