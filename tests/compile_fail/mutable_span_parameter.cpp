// SPDX-License-Identifier: Apache-2.0
// expect: royong: a view parameter must be std::string_view or std::span<const T>
#include <span>
#include <vector>

#include "royong/detail/call.hpp"

void clear(std::span<int>) {}

void send(royong::detail::Writer& out, std::vector<int> v) {
  royong::detail::write_call(out, clear, v);
}
