// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How processes take turns and wait for each other: Lock, RLock, Semaphore, BoundedSemaphore, Condition, Event, Barrier.
 *
 *  All of them are handles: a copy names the same shared object, and a handle may be an argument, a result or a message. The object is gone
 *  when the last process has let go of it. All of them work between the threads of one process as well.
 *
 *  **If a participant dies** (kill -9 included) nobody hangs:
 *
 *  | who dies               | what happens |
 *  |------------------------|--------------|
 *  | the owner of a lock    | the next one acquires it; `abandoned()` is true until `mark_consistent()`; the log gets a warning with the dead pid |
 *  | a holder of permits    | BoundedSemaphore, and Semaphore with `return_on_death`: they come back; a plain Semaphore is a counter, its permits do not |
 *  | who waits on a Condition | nothing; a notification that it had and did not act on passes to another waiter |
 *  | a party inside `Barrier::wait` | the barrier is broken, for all: `BrokenBarrierError` |
 *  | any other waiter       | nothing; the others are woken as if it had never been there |
 *  | who was about to wake others | they are woken by the death broadcast, or look again after 50 ms at the most |
 */
#pragma once

#include "royong/barrier.hpp"    // IWYU pragma: export
#include "royong/condition.hpp"  // IWYU pragma: export
#include "royong/event.hpp"      // IWYU pragma: export
#include "royong/lock.hpp"       // IWYU pragma: export
#include "royong/semaphore.hpp"  // IWYU pragma: export
