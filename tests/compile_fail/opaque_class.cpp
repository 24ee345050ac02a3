// SPDX-License-Identifier: Apache-2.0
// expect: royong: this class cannot cross a process boundary, its members are not accessible
#include "royong/transferable.hpp"

class Job {
 public:
  explicit Job(int number) : number_(number) {}

 private:
  int number_;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
