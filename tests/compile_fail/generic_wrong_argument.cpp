// SPDX-License-Identifier: Apache-2.0
// expect: royong: the function cannot be called with these arguments
#include <string>

#include "royong/detail/call.hpp"

void send(royong::detail::Writer& out) {
  royong::detail::write_call(
      out, [](auto x) -> decltype(x.missing()) { return x.missing(); }, std::string("text"));
}
