// SPDX-License-Identifier: Apache-2.0
// expect: royong: an aggregate with a base class cannot be taken apart
#include "royong/transferable.hpp"

struct Base {
  int number;
};
struct Job : Base {
  int more;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
