// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <royong/error.hpp>
#include <royong/version.hpp>

int main() {
  std::printf("royong %d\n", royong::version);
  return royong::version > 0 ? 0 : 1;
}
