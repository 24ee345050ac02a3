// SPDX-License-Identifier: Apache-2.0
// expect: royong: a lambda with captures cannot cross a process boundary
#include "royong/barrier.hpp"

royong::Barrier make(int& total) {
  return royong::Barrier(2, [&total] { ++total; });
}
