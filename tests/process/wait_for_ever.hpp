// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a process does that is to be killed.
 */
#pragma once

#include <unistd.h>

namespace royong_test {

inline void wait_for_ever() {
  for (;;) ::pause();
}

}  // namespace royong_test
