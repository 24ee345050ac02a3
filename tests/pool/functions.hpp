// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the tests of the pool hand to workers.
 */
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace royong_test {

inline int square(int x) { return x * x; }
inline int own_pid() { return static_cast<int>(::getpid()); }
inline void nothing() {}
inline int sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return ms;
}
inline int die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}
inline int wait_for_ever() {
  for (;;) ::pause();
}
inline int throw_out_of_range(int index) {
  throw std::out_of_range("no element " + std::to_string(index));
}
inline std::size_t length(const std::vector<char>& bytes) { return bytes.size(); }
inline std::vector<char> make_bytes(std::size_t n) { return std::vector<char>(n, 'x'); }

}  // namespace royong_test
