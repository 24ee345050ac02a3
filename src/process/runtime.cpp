// SPDX-License-Identifier: Apache-2.0
#include "process/runtime.hpp"

#include <pthread.h>
#include <unistd.h>

#include "os/error.hpp"
#include "process/death_pipe.hpp"
#include "process/forkserver.hpp"
#include "process/lifeline.hpp"
#include "process/orphans.hpp"
#include "process/service.hpp"
#include "process/spares.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

// What a child must find whole is locked across a fork, in the order in which it is locked elsewhere. The forkserver's
// mutex is not: it may be held for as long as a preload takes. Its client begins anew in a child instead.
void before_fork() {
  lock_spares();
  lock_service();
  lock_orphans();
  runtime().mutex.lock();
  lock_lifelines();
  lock_death_pipe();
}

void unlock_all() {
  unlock_death_pipe();
  unlock_lifelines();
  runtime().mutex.unlock();
  unlock_orphans();
  unlock_service();
  unlock_spares();
}

void after_fork_in_parent() { unlock_all(); }

// Runs in the children of the user's forks and of ours; ours then become members (see fork.cpp).
void after_fork_in_child() {
  auto& own = runtime();
  close_death_pipe_after_fork();
  close_lifelines_after_fork();
  unlock_all();
  if (own.role.load() != Role::uninitialised) own.role = Role::outsider;
}

void leave_start() noexcept {
  auto& starts = runtime().starts;
  if (starts.fetch_sub(1) == 1) starts.notify_all();
}

}  // namespace

Runtime& runtime() noexcept {
  static auto& instance = *new Runtime;
  return instance;
}

bool is_initialised() noexcept { return runtime().role.load() != Role::uninitialised; }

void require_member() {
  switch (runtime().role.load()) {
    case Role::main:
    case Role::worker: return;
    case Role::uninitialised:
      throw UsageError(
          "royong::init(argc, argv) has not run: make it the first line of main, and start "
          "processes after it, not in static initialisers");
    case Role::forkserver: throw UsageError("a forkserver preload cannot start processes");
    case Role::outsider:
      throw UsageError(
          "this process was made by fork() behind the library's back: start it as "
          "royong::Process, or call exec in it");
  }
}

StartScope::StartScope() {
  auto& own = runtime();
  own.starts.fetch_add(1);
  if (!own.ending.load()) return;
  leave_start();
  throw UsageError("the program is exiting: it cannot start processes any more");
}

StartScope::~StartScope() { leave_start(); }

void refuse_starts() noexcept { runtime().ending.store(true); }

void await_starts() noexcept {
  auto& starts = runtime().starts;
  for (int count = starts.load(); count != 0; count = starts.load()) starts.wait(count);
}

void watch_forks() {
  if (const int error = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child)) {
    os::throw_error(error, "cannot register", "fork handlers");
  }
}

void reset_after_fork() noexcept {
  auto& own = runtime();
  // Handles of the user's may still share these children: they keep the object, not the descriptor.
  for (auto& [number, child] : own.children) child->abandon();
  own.children.clear();
  // The start that this process comes from, and those of threads that do not exist here.
  own.starts = 0;
  own.ending = false;
  own.process_names = 0;
  forget_orphans();
  forget_spares();
  forget_forkserver();
  forget_service();
}

}  // namespace royong::inline v0::detail
