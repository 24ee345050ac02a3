// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Exceptions that one process registered and every process of the family knows.
 *
 *  The arena holds a list of installers, by FunctionId. An entry is committed by one compare-and-swap from
 *  zero, and never changes: a process that dies while it registers has told the family, or has not.
 */
#pragma once

namespace royong::inline v0::transfer {

/// Registers here what other processes have shared since the last call. One load where there is
/// nothing new. An installer that cannot be found here is passed over: its type comes as its base.
void install_shared_exceptions() noexcept;

}  // namespace royong::inline v0::transfer
