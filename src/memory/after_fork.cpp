// SPDX-License-Identifier: Apache-2.0
#include "memory/after_fork.hpp"

#include <pthread.h>

#include "memory/shares.hpp"
#include "memory/slabs.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"

namespace royong::inline v0::memory {

void after_fork_child() noexcept {
  forget_self();
  forget_slabs();
}

void watch_forks() {
  static bool watching = false;
  if (watching) return;
  const auto in_child = [] {
    unlock_shares();
    after_fork_child();
  };
  if (const int error = ::pthread_atfork(lock_shares, unlock_shares, in_child)) {
    os::throw_error(error, "cannot register", "fork handlers");
  }
  watching = true;
}

}  // namespace royong::inline v0::memory
