// SPDX-License-Identifier: Apache-2.0
#include "memory/after_fork.hpp"

#include <pthread.h>

#include "memory/slots.hpp"
#include "os/error.hpp"

namespace royong::inline v0::memory {

void after_fork_child() noexcept { forget_self(); }

void watch_forks() {
  static bool watching = false;
  if (watching) return;
  if (const int error = ::pthread_atfork(nullptr, nullptr, after_fork_child)) {
    os::throw_error(error, "cannot register", "fork handlers");
  }
  watching = true;
}

}  // namespace royong::inline v0::memory
