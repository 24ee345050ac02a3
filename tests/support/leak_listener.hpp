// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The harness inside the test process: after each test nothing may be left.
 */
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <optional>  // for std::optional

#include "support/leak_check.hpp"

namespace royong_test {

/// Fails each test that leaves something behind, and tells the watchdog what runs.
class LeakListener : public testing::EmptyTestEventListener {
 public:
  explicit LeakListener(LeakScope scope);

  void OnTestProgramStart(const testing::UnitTest&) override;
  void OnTestStart(const testing::TestInfo& test) override;
  void OnTestEnd(const testing::TestInfo& test) override;
  void OnTestProgramEnd(const testing::UnitTest&) override;

 private:
  pid_t self_;
  LeakCheck check_;
};

}  // namespace royong_test
