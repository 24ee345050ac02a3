// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Several processes that use the objects of one manager.
 */
#pragma once

#include <gtest/gtest.h>

#include <vector>  // for std::vector

#include "royong/process.hpp"

namespace royong_test {

/// Starts all, waits for all; each must end well.
inline void run(std::vector<royong::Process>& processes) {
  for (auto& process : processes) process.start();
  for (auto& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
}

}  // namespace royong_test
