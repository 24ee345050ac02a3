// SPDX-License-Identifier: Apache-2.0
// expect: royong: a class with virtual functions cannot cross a process boundary
#include "royong/transferable.hpp"

struct Shape {
  virtual double area() const { return 0; }
};

void send(royong::detail::Writer& out, const Shape& value) { out(value); }
