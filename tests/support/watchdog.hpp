// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The watchdog: no test hangs for ever, and one that hangs says where.
 *
 *  Every test has 120 seconds, far more than it needs on the slowest machine, times `time_factor()`. Past that the supervisor (supervisor.hpp) prints the test's name, a
 *  backtrace of every thread of the test program and of its forked children, and what /proc tells of every process
 *  that the test started; then it kills them all, and the run ends by SIGABRT.
 */
#pragma once

#include <chrono>       // for std::chrono::seconds
#include <string_view>  // for std::string_view

namespace royong_test {

/** @brief By how much everything takes longer in this build and on this host.
 *
 *  From the environment `ROYONG_TEST_TIME_FACTOR`, times what a sanitizer or valgrind costs.
 */
double time_factor();

/// Gives the running test this long from now (times `time_factor()`), instead of the 120 seconds it began with.
void allow_time(std::chrono::seconds time);

/// Tells the watchdog what runs now, and starts its 120 seconds. Called by the harness.
void watch(std::string_view what);

}  // namespace royong_test
