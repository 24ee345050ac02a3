// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Categories of error codes by name.
 */
#pragma once

#include <string>        // for std::string
#include <system_error>  // for std::error_category

namespace royong::inline v0::transfer {

/** @brief The category of this name.
 *
 *  Those of the standard library are themselves. For any other name there is one stand-in: its
 *  codes print as name and
 *  number, and compare equal to nothing but each other.
 */
const std::error_category& category_named(const std::string& name);

}  // namespace royong::inline v0::transfer
