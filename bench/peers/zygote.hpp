// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A hand-written forkserver that does nothing else: the limit of what starting a process can cost.
 */
#pragma once

#include <sys/types.h>

namespace royong_bench {

/// A process that the zygote made: a child of this one.
struct ZygoteChild {
  pid_t pid = 0;
  int pidfd = -1;
  int wake = -1;  ///< of a spare: its socket; else -1
};

/** @brief A small single-threaded process that clones others, as children of its own parent.
 *
 *  It uses the legacy clone call with CLONE_PARENT, and repairs in each child what glibc's fork would: the kernel writes the thread
 *  id to where glibc keeps it, and the robust list is registered again. Start it before this process grows.
 */
class Zygote {
 public:
  Zygote();
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// A process that ends at once.
  ZygoteChild start();
  /// A process that waits for a byte, answers it, and ends.
  ZygoteChild start_spare();

 private:
  ZygoteChild request(char kind);

  pid_t pid_ = -1;
  int socket_ = -1;
};

/// Lets a spare run.
void wake(const ZygoteChild& child);

/// Waits until a spare has run; it is about to end.
void wait_for_answer(const ZygoteChild& child);

/// Waits for its end and closes its descriptors. @return whether it ended with exit code 0
bool join(const ZygoteChild& child);

}  // namespace royong_bench
