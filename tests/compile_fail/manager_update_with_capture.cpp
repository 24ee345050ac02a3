// SPDX-License-Identifier: Apache-2.0
// expect: royong: a lambda with captures cannot cross a process boundary
#include <string>

#include "royong/manager/dict.hpp"

// `by` stays behind in this process: pass it as an argument of `update`.
void add(const royong::ManagerDict<std::string, int>& counts, int by) {
  counts.update("x", [by](int& n) { n += by; });
}
