// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/detail/call.hpp"

int length(const char*) { return 0; }

void send(royong::detail::Writer& out) { royong::detail::write_call(out, length, "text"); }
