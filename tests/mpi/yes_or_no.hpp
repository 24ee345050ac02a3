// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the programs of these tests say: a line for each thing that holds, or does not.
 */
#pragma once

#include <cstdio>
#include <exception>
#include <string>

namespace royong_test {

inline int failures = 0;

inline void say(const char* what, bool holds) {
  std::printf("%s: %s\n", what, holds ? "yes" : "NO");
  if (!holds) ++failures;
}

/// Whether `call` throws an E whose text has `text` in it.
template <class E, class Call>
bool throws(Call call, const std::string& text) {
  try {
    call();
  } catch (const E& error) {
    const bool fits = std::string(error.what()).find(text) != std::string::npos;
    if (!fits) std::printf("  the text is: %s\n", error.what());
    return fits;
  } catch (const std::exception& error) {
    std::printf("  another type was thrown: %s\n", error.what());
  }
  return false;
}

}  // namespace royong_test
