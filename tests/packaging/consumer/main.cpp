// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <royong/logging.hpp>
#include <royong/version.hpp>

int main() {
  std::printf("royong %d\n", royong::version);
  // Compiled, and built on a dependency that the consumer never named.
  royong::log_to_stderr(royong::LogLevel::info);
  return royong::get_logger() ? 0 : 1;
}
