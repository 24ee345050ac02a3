// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the hooks of this floor have in common: they run in the sweep and must not throw.
 */
#pragma once

#include <exception>  // for std::exception
#include <string>     // for std::string

#include "os/error.hpp"

namespace royong::inline v0::sync {

/// Runs `body`; what escapes goes to the log. @param action "repair a Barrier"
template <class Body>
void report_failure(const char* action, Body body) noexcept {
  try {
    body();
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot ") + action + ": " + error.what());
  }
}

}  // namespace royong::inline v0::sync
