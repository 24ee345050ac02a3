// SPDX-License-Identifier: Apache-2.0
#include "process/worker.hpp"

#include <cxxabi.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
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
#include "process/runtime.hpp"
#include "process/signals.hpp"
#include "process/spares.hpp"
#include "process/startup.hpp"
#include "royong/detail/call.hpp"
#include "royong/error.hpp"
#include "transfer/exceptions.hpp"

namespace royong::inline v0::detail {
namespace {

/// One write, so that the reports of several processes do not mix.
void report(const std::string& name, const std::string& text) noexcept {
  const std::string all = "Process " + name + ":\n" + text + "\n";
  (void)!::write(STDERR_FILENO, all.data(), all.size());
}

void replace_stdin() {
  const os::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || ::dup2(null.get(), STDIN_FILENO) < 0) os::throw_errno("cannot open", "/dev/null");
}

StartupMessage take_startup(memory::Owner slot) {
  const memory::Offset block = memory::slot(slot).startup.exchange(0);
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
  own.pid = ::getpid();
  own.role = Role::worker;
  set_process_name(message.name);
  set_log_level(static_cast<LogLevel>(message.log_level));
}

/// Runs `body`; @return the exit code. An exception is reported as Python does.
template <class Body>
int run_reporting(const std::string& name, Body body) {
  try {
    body();
    return 0;
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit
  } catch (...) {
    report(name, describe_exception(std::current_exception()));
    return 1;
  }
}

/// pthread_exit in the worker's main thread unwinds to here. The thread is the life of the slot: the process ends with it.
struct EndWithThread {
  bool armed = true;
  ~EndWithThread() {
    if (armed) ::_exit(0);
  }
};

[[noreturn]] void end(int code, bool forked) {
  if (!forked) std::exit(code);
  run_exit_order();
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace

void run_worker(const WorkerStart& start) {
  const memory::Owner slot = start.slot;
  EndWithThread guard;
  std::string name = "?";
  const int code = run_reporting(name, [&] {
    if (!is_thread_identity_sound())
      throw ProcessError(
          "the thread identity of this process is not sound: locks would not survive its death");
    // Before the slot: a child whose parent died already must not claim one.
    if (memory::slot(slot).detached.load() == 0) {
      arm_death_pipe(start.death_pipe);
    } else {
      ::close(start.death_pipe);
    }
    memory::claim_slot(slot);
    if (start.forked) memory::inherit_shares();
    if (start.readiness == Readiness::spare) wait_as_spare(slot);
    const StartupMessage message = take_startup(slot);
    name = message.name;
    introduce(message, slot);
    replace_stdin();
    install_worker_signals();
    apply_limits(message.limits);
    if (start.local != nullptr) {
      call_with_trace(*start.local);
      return;
    }
    Reader reader(message.call);
    Writer unused(Transit::argument);
    call_with_trace([&] { run_call(reader, unused); });
  });
  guard.armed = false;
  end(code, start.forked);
}

}  // namespace royong::inline v0::detail
