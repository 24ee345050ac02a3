// SPDX-License-Identifier: Apache-2.0
#include "other_unit.hpp"
#include "royong/detail/call.hpp"

namespace royong::detail {
namespace {

int which() { return 2; }

}  // namespace
}  // namespace royong::detail

namespace royong_test {

void write_call_of_other_unit(royong::detail::Writer& out) {
  royong::detail::write_call(out, &royong::detail::which);
}

}  // namespace royong_test
