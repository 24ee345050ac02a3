// SPDX-License-Identifier: Apache-2.0
// expect: royong: mutexes, atomics, threads and futures of std work inside one process only
#include <atomic>

#include "royong/transferable.hpp"

void send(royong::detail::Writer& out, const std::atomic<int>& value) { out(value); }
