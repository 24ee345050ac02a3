// SPDX-License-Identifier: Apache-2.0
// expect: royong: a view (std::string_view, std::span) cannot cross a process boundary
#include <span>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, std::span<const int> value) { out(value); }
