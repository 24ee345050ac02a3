// SPDX-License-Identifier: Apache-2.0
// expect: royong: an aggregate with a bit-field cannot be taken apart
#include "royong/transferable.hpp"

struct Job {
  unsigned kind : 3;
  int number;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
