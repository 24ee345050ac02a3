// SPDX-License-Identifier: Apache-2.0
// expect: royong: std::function cannot cross a process boundary
#include <functional>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, const std::function<void()>& value) { out(value); }
