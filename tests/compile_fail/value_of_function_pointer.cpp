// SPDX-License-Identifier: Apache-2.0
// expect: royong: shared memory holds only trivially copyable types
#include "royong/shared.hpp"

struct Handler {
  int number;
  void (*function)(int);
};

int main() { royong::RawValue<Handler> value; }
