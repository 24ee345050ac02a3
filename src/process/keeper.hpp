// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The keeper of the family's files as a process: how it is started, and what it becomes. See sync/kept_files.hpp for what it does.
 */
#pragma once

namespace royong::inline v0::detail {

/** @brief This program, executed as a keeper. Returns when the keeper is at work.
 *
 *  It is a grandchild whose parent ends at once: no child that the user's wait(-1) would meet, and nobody's to end.
 *  @throws std::system_error
 */
void start_keeper();

/// What an execution of this program does that was started for it. The arena is mapped.
[[noreturn]] void run_keeper();

}  // namespace royong::inline v0::detail
