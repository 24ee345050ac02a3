// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A task that takes until the test says so.
 */
#pragma once

#include "royong/event.hpp"

namespace royong_test {

inline int held(const royong::Event& until, int value) {
  until.wait();
  return value;
}

}  // namespace royong_test
