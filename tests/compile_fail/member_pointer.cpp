// SPDX-License-Identifier: Apache-2.0
// expect: royong: a pointer to member cannot cross a process boundary
#include "royong/transferable.hpp"

struct Job {
  int number;
};

void send(royong::detail::Writer& out, int Job::* value) { out(value); }
