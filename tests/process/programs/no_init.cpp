// SPDX-License-Identifier: Apache-2.0
// Starts a process without init: the error must name the fix.
#include <cstdio>

#include "royong/process.hpp"

int main() {
  royong::Process process([] {});
  try {
    process.start();
  } catch (const royong::UsageError& error) {
    std::puts(error.what());
    return 5;
  }
}
