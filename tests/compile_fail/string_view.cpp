// SPDX-License-Identifier: Apache-2.0
// expect: royong: a view (std::string_view, std::span) cannot cross a process boundary
#include <string_view>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, std::string_view value) { out(value); }
