// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include <algorithm>  // for std::copy_n, std::min
#include <cstdlib>    // for std::getenv, std::strtod
#include <string>     // for std::string

#include "support/run_state.hpp"

namespace royong_test {
namespace {

constexpr std::chrono::seconds kDefaultTime{120};

double sanitizer_factor() {
#if defined(__SANITIZE_THREAD__)
  return 6;
#elif defined(__SANITIZE_ADDRESS__)
  return 3;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return 6;
#elif __has_feature(address_sanitizer)
  return 3;
#else
  return 1;
#endif
#else
  return 1;
#endif
}

double valgrind_factor() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded != nullptr && std::string(preloaded).find("vgpreload") != std::string::npos ? 20
                                                                                               : 1;
}

double environment_factor() {
  const char* text = std::getenv("ROYONG_TEST_TIME_FACTOR");
  const double factor = text == nullptr ? 1 : std::strtod(text, nullptr);
  return factor > 0 ? factor : 1;
}

}  // namespace

double time_factor() {
  static const double factor = sanitizer_factor() * valgrind_factor() * environment_factor();
  return factor;
}

void allow_time(std::chrono::seconds time) {
  if (run_state == nullptr) return;
  const auto limit = std::chrono::duration_cast<std::chrono::nanoseconds>(time * time_factor());
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  run_state->deadline.store((now + limit).count(), std::memory_order_release);
}

void watch(std::string_view what) {
  if (run_state == nullptr) return;
  run_state->deadline.store(0, std::memory_order_release);
  const auto size = std::min(what.size(), run_state->test.size() - 1);
  std::copy_n(what.data(), size, run_state->test.data());
  run_state->test[size] = '\0';
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  run_state->started.store(now.count(), std::memory_order_relaxed);
  allow_time(kDefaultTime);
}

}  // namespace royong_test
