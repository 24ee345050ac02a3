// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief init: the first line of main, where a worker's life begins.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/error.hpp"  // IWYU pragma: export

namespace royong::inline v0 {

/** @brief Makes this program able to start processes. Call it as the first line of `main`.
 *
 *  Workers (start methods spawn and forkserver) are this same program, started again. In such a worker
 *  `init` runs what it was started for and ends the process: it never returns. In the program that the user
 *  started it creates the shared arena, starts the service thread, and returns.
 *
 *  Static initialisers, and whatever `main` does before this line, run in every worker as well: keep both
 *  small, or ask `is_worker()`.
 *
 *  @param argc,argv  main's own; they are read, not changed. A worker sees one more argument in front.
 *  @throws UsageError         called twice
 *  @throws std::system_error  the system refuses the memory or the thread
 *
 *  **Threads and processes.** Call it once, from the main thread. Processes started before it throw
 *  `UsageError`. Children of the user's own `fork()` are not members: using the library there is a
 *  `UsageError`.
 *
 *  **If the peer dies.** When this process dies, however it dies, its workers are killed by the kernel.
 *
 *  Example: examples/hello.cpp
 */
ROYONG_API void init(int argc, char** argv);

/** @brief Whether this process was started by the library to run somebody's function.
 *
 *  True from the first instruction on, also in static initialisers and before `init`.
 */
ROYONG_API bool is_worker() noexcept;

}  // namespace royong::inline v0
