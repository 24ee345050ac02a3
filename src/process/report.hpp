// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a process says on stderr when an exception ends it.
 */
#pragma once

#include <string>  // for std::string

#include "royong/detail/exception.hpp"

namespace royong::inline v0::detail {

/** @brief Writes `Process NAME:`, the stack at the throw, and the exception with all that are nested in it.
 *
 *  It is one write, so that the reports of several processes do not mix.
 */
void report_exception(const std::string& process, const Caught& caught) noexcept;

}  // namespace royong::inline v0::detail
