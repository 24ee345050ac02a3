// SPDX-License-Identifier: Apache-2.0
// expect: use royong::bind_front or a struct with operator()
#include "royong/bind_front.hpp"
#include "royong/detail/call.hpp"

void send(royong::detail::Writer& out, int factor) {
  royong::detail::write_call(out, royong::bind_front([&factor](int x) { return factor * x; }, 1));
}
