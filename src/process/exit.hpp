// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What happens, in which order, when a member of the family ends in an orderly way.
 */
#pragma once

namespace royong::inline v0::detail {

/** @brief Registers what must end before the children do (a pool's workers). Last in, first out; never removed.
 *
 *  Order at exit: no process starts any more; hooks; daemons get SIGTERM; all children that are not detached are joined; the forkserver ends.
 */
void add_exit_hook(void (*hook)() noexcept);

/// Runs the order once in this process; registered with atexit by `init`.
void run_exit_order() noexcept;

}  // namespace royong::inline v0::detail
