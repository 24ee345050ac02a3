// SPDX-License-Identifier: Apache-2.0
// expect: royong: a container whose comparator or hasher has state
#include <set>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, const std::set<int, bool (*)(int, int)>& value) {
  out(value);
}
