// SPDX-License-Identifier: Apache-2.0
#include "process/worker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "process/clone_sibling.hpp"
#include "process/death_pipe.hpp"
#include "process/exit.hpp"
#include "process/limits.hpp"
#include "process/report.hpp"
#include "process/runtime.hpp"
#include "process/signals.hpp"
#include "process/startup.hpp"
#include "royong/detail/call.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

void replace_stdin() {
  const os::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || ::dup2(null.get(), STDIN_FILENO) < 0) os::throw_errno("cannot open", "/dev/null");
}

bool has_startup(memory::Owner slot) { return memory::slot(slot).startup.load() != 0; }

StartupMessage take_startup(memory::Owner slot) {
  const memory::Offset block = memory::slot(slot).startup.exchange(0);
  if (block == 0) ::_exit(0);  // a spare process that is not wanted any more
  StartupMessage message = decode_startup(memory::block(block));
  memory::free_block(block);
  return message;
}

void introduce(const StartupMessage& message, memory::Owner slot) {
  auto& own = runtime();
  own.name = message.name;
  own.daemon = message.daemon;
  own.parent = memory::Owner{memory::slot(slot).parent.load()};
  own.parent_pid = message.parent_pid;
  own.parent_name = message.parent_name;
  own.start_method = message.start_method;
  own.authkey = message.authkey;
  own.pid = ::getpid();
  own.role = Role::worker;
  set_process_name(message.name);
  set_log_level(static_cast<LogLevel>(message.log_level));
}

/// pthread_exit in the worker's main thread unwinds to here. The thread is the life of the slot: the process ends with it.
struct EndWithThread {
  bool armed = true;
  ~EndWithThread() {
    if (armed) ::_exit(0);
  }
};

/// Everything that comes before the user's function.
StartupMessage become(const WorkerStart& start) {
  if (!is_thread_identity_sound())
    throw ProcessError(
        "the thread identity of this process is not sound: locks would not survive its death");
  if (start.birth != Birth::executed) leave_out_inherited_exit_handlers();
  // Before the slot: a child whose parent died already must not claim one.
  os::Fd death_pipe(start.death_pipe);
  if (memory::slot(start.slot).detached.load() == 0) {
    arm_death_pipe(std::move(death_pipe));
  } else {
    death_pipe.reset();
  }
  memory::claim_slot(start.slot);
  if (start.birth == Birth::forked) memory::inherit_shares();
  // A spare process gets its message when it is wanted.
  if (!has_startup(start.slot)) wait_until_told(start.slot);
  StartupMessage message = take_startup(start.slot);
  introduce(message, start.slot);
  replace_stdin();
  install_worker_signals();
  if (start.birth != Birth::forked) allow_interrupts();  // a fork has its parent's mask, as ever
  if (!message.directory.empty() && ::chdir(message.directory.c_str()) != 0)
    os::report_errno("cannot change to", message.directory);
  apply_limits(message.limits);
  // The parent takes this process under supervision meanwhile. If it fails to, nothing of the user's has run.
  wait_until_told(start.slot);
  return message;
}

}  // namespace

void run_worker(const WorkerStart& start) {
  EndWithThread guard;
  std::string name = "?";
  const Caught caught = call_with_trace([&] {
    const StartupMessage message = become(start);
    name = message.name;
    if (start.local != nullptr) {
      (*start.local)();
      return;
    }
    Reader reader(message.call);
    Writer unused(Transit::argument);
    run_call(reader, unused);
  });
  guard.armed = false;
  if (caught) report_exception(name, caught);
  std::exit(caught ? 1 : 0);
}

}  // namespace royong::inline v0::detail
