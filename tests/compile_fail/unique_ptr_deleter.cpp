// SPDX-License-Identifier: Apache-2.0
// expect: royong: only std::unique_ptr to one object with the default deleter
#include <memory>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, const std::unique_ptr<int[]>& value) { out(value); }
