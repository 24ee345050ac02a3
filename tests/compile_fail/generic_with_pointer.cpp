// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/detail/call.hpp"

void send(royong::detail::Writer& out, int* data) {
  royong::detail::write_call(out, [](auto) {}, data);
}
