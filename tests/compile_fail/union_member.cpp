// SPDX-License-Identifier: Apache-2.0
// expect: royong: a union cannot cross a process boundary
#include "royong/transferable.hpp"

struct Job {
  int kind;
  union {
    int number;
    float weight;
  };
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
