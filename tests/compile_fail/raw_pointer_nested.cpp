// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include <utility>
#include <vector>

#include "royong/transferable.hpp"

struct Deep {
  std::vector<std::pair<int, int*>> pairs;
};

void send(royong::detail::Writer& out, const Deep& value) { out(value); }
