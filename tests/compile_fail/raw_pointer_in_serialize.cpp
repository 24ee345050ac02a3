// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/transferable.hpp"

struct Job {
  int* data = nullptr;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(data);
  }
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
