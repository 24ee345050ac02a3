// SPDX-License-Identifier: Apache-2.0
// expect: royong: a lambda with captures cannot cross a process boundary
#include "royong/detail/call.hpp"

void send(royong::detail::Writer& out, int factor) {
  royong::detail::write_call(out, [factor](int x) { return factor * x; }, 1);
}
