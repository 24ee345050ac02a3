// SPDX-License-Identifier: Apache-2.0
// expect: royong: too few arguments for this function
#include "royong/detail/call.hpp"

int add(int a, int b) { return a + b; }

void send(royong::detail::Writer& out) { royong::detail::write_call(out, add, 1); }
