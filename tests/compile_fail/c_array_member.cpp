// SPDX-License-Identifier: Apache-2.0
// expect: royong: an aggregate with a C array member cannot be taken apart
#include "royong/transferable.hpp"

struct Job {
  int numbers[3];
  double weight;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
