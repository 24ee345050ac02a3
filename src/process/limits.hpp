// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ResourceLimits, checked by the parent and applied by the process itself.
 */
#pragma once

#include "royong/process.hpp"

namespace royong::inline v0::detail {

/// @throws UsageError a value is out of range, or this build or kernel cannot enforce it
void check_limits(const ResourceLimits& limits);

/// Applies to this process, sandbox last. @throws std::system_error the system refuses one
void apply_limits(const ResourceLimits& limits);

/// Nothing outside `paths` can be written any more, by this process and its children (landlock).
void restrict_writes(const std::vector<std::filesystem::path>& paths);
/// No sockets but unix ones can be made any more (seccomp).
void forbid_network();
/// Whether this kernel has landlock, and this build and kernel seccomp.
bool can_restrict_writes() noexcept;
bool can_forbid_network() noexcept;

}  // namespace royong::inline v0::detail
