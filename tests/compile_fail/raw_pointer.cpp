// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, int* value) { out(value); }
