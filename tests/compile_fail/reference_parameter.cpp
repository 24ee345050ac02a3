// SPDX-License-Identifier: Apache-2.0
// expect: royong: a parameter T& cannot refer to an object of another process
#include "royong/detail/call.hpp"

void twice(int& x) { x *= 2; }

void send(royong::detail::Writer& out, int number) {
  royong::detail::write_call(out, twice, number);
}
