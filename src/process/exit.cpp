// SPDX-License-Identifier: Apache-2.0
#include "process/exit.hpp"

#include <stdio.h>   // fcloseall
#include <stdlib.h>  // on_exit
#include <unistd.h>

#include <atomic>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <ranges>
#include <vector>

#include "logging/log.hpp"
#include "process/child.hpp"
#include "process/forkserver.hpp"
#include "process/runtime.hpp"
#include "process/spares.hpp"
#include "sync/kept_files.hpp"

namespace royong::inline v0::detail {
namespace {

std::atomic<pid_t> exiting_thread{0};

struct Hooks {
  std::mutex mutex;
  std::vector<void (*)() noexcept> hooks;
};

Hooks& exit_hooks() {
  static auto& instance = *new Hooks;
  return instance;
}

std::vector<std::shared_ptr<Child>> attached_children() {
  auto& own = runtime();
  const std::lock_guard lock(own.mutex);
  std::vector<std::shared_ptr<Child>> children;
  for (const auto& [number, child] : own.children)
    if (!child->detached()) children.push_back(child);
  return children;
}

/// The last of this process's own exit handlers: `exit` would run the inherited ones after it.
[[noreturn]] void end_without_inherited(int code, void*) noexcept {
  run_exit_order();
  flush_standard_streams();
  // Writes what is left in the user's files as exit does: without their locks, which a thread that reads may hold for ever.
  ::fcloseall();
  ::_exit(code);
}

/// One child that cannot be ended (it has changed its user) does not keep the others from being waited for.
template <class Action>
void attempt(Child& child, Action action) {
  try {
    action(child);
  } catch (const std::exception& error) {
    warn("cannot end {} at exit: {}", child.name(), error.what());
  }
}

void end_children() noexcept {
  try {
    const auto children = attached_children();
    for (const auto& child : children)
      if (child->daemon()) attempt(*child, [](Child& daemon) { daemon.end_daemon(); });
    for (const auto& child : children)
      attempt(*child, [](Child& any) { any.wait(Timeout::Clock::time_point::max()); });
  } catch (const std::exception& error) {
    warn("cannot wait for the children at exit: {}", error.what());
  }
}

}  // namespace

void add_exit_hook(void (*hook)() noexcept) {
  const std::lock_guard lock(exit_hooks().mutex);
  exit_hooks().hooks.push_back(hook);
}

void hold_main_while_another_exits() noexcept {
  const pid_t main = ::getpid();
  const pid_t exiting = exiting_thread.load();
  if (exiting == 0 || exiting == main || ::gettid() != main) return;
  for (;;) ::pause();
}

void run_exit_order() noexcept {
  // atexit handlers also run in children of the user's fork, and in servers: none of these has children here.
  const Role role = runtime().role.load();
  if (role != Role::main && role != Role::worker) return;
  exiting_thread.store(::gettid());
  refuse_starts();
  for (const auto hook : exit_hooks().hooks | std::views::reverse) hook();
  end_children();
  stop_spares();
  stop_forkserver();
  // What other threads were starting when the exit began. Their server is gone, or is one that they have made since.
  await_starts();
  end_children();
  stop_forkserver();
  sync::remove_files_at_exit();
}

void leave_out_inherited_exit_handlers() {
  if (::on_exit(end_without_inherited, nullptr) != 0) throw std::bad_alloc();
}

void flush_standard_streams() {
  // The C++ streams have buffers of their own only where the program wanted it. Asked with `true`, libstdc++ answers and changes nothing.
  if (!std::ios_base::sync_with_stdio(true)) {
    std::cout.flush();
    std::clog.flush();
    std::wcout.flush();
    std::wclog.flush();
  }
  std::fflush(stdout);
  std::fflush(stderr);
}

}  // namespace royong::inline v0::detail
