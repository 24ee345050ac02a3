// SPDX-License-Identifier: Apache-2.0
// expect: royong: a view (std::string_view, std::span) cannot cross a process boundary
#include <string_view>

#include "royong/detail/call.hpp"

void send(royong::detail::Writer& out) {
  royong::detail::write_call(out, []() -> std::string_view { return "gone"; });
}
