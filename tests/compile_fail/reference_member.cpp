// SPDX-License-Identifier: Apache-2.0
// expect: royong: a reference member cannot cross a process boundary
#include "royong/transferable.hpp"

struct Job {
  const int& number;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
