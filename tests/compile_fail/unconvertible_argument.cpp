// SPDX-License-Identifier: Apache-2.0
// expect: royong: an argument does not convert to the type of its parameter
#include <memory>

#include "royong/detail/call.hpp"

int take(std::unique_ptr<int> p) { return *p; }

void send(royong::detail::Writer& out, const std::unique_ptr<int>& p) {
  royong::detail::write_call(out, take, p);
}
