// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Compiler and linkage switches, shared by every header.
 *
 *  All names live in `royong::inline v0`: the inline namespace changes with every break of the ABI, so that
 *  two versions in one program never share a symbol.
 */
#pragma once

/// Marks what the compiled library exports; everything else has hidden visibility.
#define ROYONG_API __attribute__((visibility("default")))
