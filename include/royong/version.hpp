// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The version, read from here by CMake, pkg-config and the documentation.
 */
#pragma once

#define ROYONG_VERSION_MAJOR 0
#define ROYONG_VERSION_MINOR 1
#define ROYONG_VERSION_PATCH 0

namespace royong::inline v0 {

/// The version as one comparable number: 10203 is 1.2.3.
inline constexpr int version =
    ROYONG_VERSION_MAJOR * 10000 + ROYONG_VERSION_MINOR * 100 + ROYONG_VERSION_PATCH;

}  // namespace royong::inline v0
