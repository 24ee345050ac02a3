// SPDX-License-Identifier: Apache-2.0
// expect: royong: std::shared_ptr cannot cross a process boundary
#include <memory>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, const std::shared_ptr<int>& value) { out(value); }
