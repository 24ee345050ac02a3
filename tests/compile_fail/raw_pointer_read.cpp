// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/transferable.hpp"

struct Job {
  const char* name;
};

Job receive(royong::detail::Reader& in) { return in.read<Job>(); }
