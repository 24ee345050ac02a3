// SPDX-License-Identifier: Apache-2.0
// expect: royong: mutexes, atomics, threads and futures of std work inside one process only
#include <mutex>

#include "royong/transferable.hpp"

struct Job {
  int number;
  std::mutex mutex;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
