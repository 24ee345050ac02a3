// SPDX-License-Identifier: Apache-2.0
// expect: royong: a pointer to member cannot cross a process boundary
#include "royong/detail/call.hpp"

struct Job {
  int run() const { return 1; }
};

void send(royong::detail::Writer& out, const Job& job) {
  royong::detail::write_call(out, &Job::run, job);
}
