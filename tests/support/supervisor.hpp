// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The supervisor: the process in front of the test process.
 *
 *  `main` forks at once. The child runs the tests; the parent, this one, waits for it. Being outside it can do what the test
 *  process cannot do for itself: end it when it hangs, and look at what is left after it has ended, however it ended.
 *
 *  It is a subreaper: whatever the tests start remains among its descendants, orphans as well, and corpses of orphans are
 *  buried at once (the first process of a container often does not).
 *
 *  Set `ROYONG_TEST_SUPERVISOR=0` to run without it, in a debugger: no watchdog then, no check of
 *  files, and none at the end.
 */
#pragma once

#include <sys/types.h>

#include <filesystem>  // for std::filesystem::path

#include "support/leak_check.hpp"

namespace royong_test {

/// What a run owns, made before the fork.
struct Run {
  pid_t supervisor = 0;
  std::filesystem::path temporary;  ///< TMPDIR of the tests: empty before and after each
  bool own_shared_memory = false;   ///< /dev/shm is private to this run

  /// What the tests' leak check looks at.
  LeakScope scope() const;
};

/** @brief Makes the run's own TMPDIR, a private /dev/shm (where the system allows), and the shared page.
 *
 *  The environment says `ROYONG_TEST_RUN=<id>` from here on, in all descendants that execute a program.
 */
Run prepare_run();

/// Waits for the test process, checks what is left, cleans up, and ends as the test process ended (1 if something is left).
[[noreturn]] void supervise(const Run& run, pid_t test_process);

}  // namespace royong_test
