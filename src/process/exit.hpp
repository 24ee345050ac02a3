// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What happens, in which order, when a member of the family ends in an orderly way.
 */
#pragma once

namespace royong::inline v0::detail {

/** @brief Registers what must end before the children do (a pool's workers). Last in, first out; never removed.
 *
 *  Order at exit: no process starts any more; hooks; daemons get SIGTERM; all children that are not detached are joined; the
 *  forkserver ends; the files go that were kept for this process, and with the last one those of the family.
 */
void add_exit_hook(void (*hook)() noexcept);

/// Runs the order once in this process; registered with atexit by `init`.
void run_exit_order() noexcept;

/** @brief For what is about to throw because the program exits: does not return on the main thread while another thread exits.
 *
 *  Nobody waits for the main thread, and there `exit` promises no more than that the process ends with its code. An exception that nobody
 *  expects would make that SIGABRT. Other threads go on: a static object's destructor may be waiting for one of them.
 */
void hold_main_while_another_exits() noexcept;

/** @brief In a copy of another process, before anything of the user's: its exit runs the handlers and the destructors of statics that were
 *         registered in this process, then the exit order, and ends there.
 *
 *  What it inherited belongs to the process it is a copy of: a static object that owns a file would remove it once for every copy.
 *  It also saves the copy the destructors of every shared library, which cost more than the rest of its life.
 *  @throws std::bad_alloc
 */
void leave_out_inherited_exit_handlers();

/// What is in the buffers of the standard streams, C and C++, is written now: a copy of this process must not write it again.
void flush_standard_streams();

}  // namespace royong::inline v0::detail
