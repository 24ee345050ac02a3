// SPDX-License-Identifier: Apache-2.0
// expect: royong: std::reference_wrapper cannot cross a process boundary
#include <functional>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, std::reference_wrapper<int> value) { out(value); }
