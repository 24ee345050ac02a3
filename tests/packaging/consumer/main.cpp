// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <royong/royong.hpp>

int main() {
  std::printf("royong %d\n", royong::version);
  // Compiled, and built on a dependency that the consumer never named.
  royong::log_to_stderr(royong::LogLevel::info);
  royong::get_logger()->info("version {}", royong::version);
}
