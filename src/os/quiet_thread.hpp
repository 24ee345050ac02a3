// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief start_quiet_thread: how the library starts each thread of its own.
 */
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>   // for std::thread
#include <utility>  // for std::move

namespace royong::inline v0::os {

/** @brief Starts a thread that leaves the user's signals to the user's threads.
 *
 *  The new thread inherits the mask, so that of the caller is full for a moment; afterwards it is what it was, also when this throws.
 *  @throws std::system_error no thread is left
 */
template <class F>
std::thread start_quiet_thread(F run) {
  struct AllBlocked {
    AllBlocked() noexcept {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~AllBlocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    AllBlocked(const AllBlocked&) = delete;
    AllBlocked& operator=(const AllBlocked&) = delete;
    sigset_t before;
  };
  const AllBlocked blocked;
  return std::thread(std::move(run));
}

}  // namespace royong::inline v0::os
