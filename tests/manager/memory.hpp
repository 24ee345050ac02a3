// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What tests that look at memory have in common.
 */
#pragma once

#include <cstddef>  // for std::size_t

namespace royong_test {

inline constexpr std::size_t MiB = std::size_t{1} << 20;

/// Whether what is freed may be held no longer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool gives_memory_back = false;
#else
inline constexpr bool gives_memory_back = true;
#endif

}  // namespace royong_test
