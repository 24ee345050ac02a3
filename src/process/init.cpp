// SPDX-License-Identifier: Apache-2.0
#include "royong/init.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/files.hpp"
#include "os/limits.hpp"
#include "os/random.hpp"
#include "process/exit.hpp"
#include "process/forkserver.hpp"
#include "process/keeper.hpp"
#include "process/lifeline.hpp"
#include "process/runtime.hpp"
#include "process/service.hpp"
#include "process/startup.hpp"
#include "process/worker.hpp"
#include "royong/error.hpp"
#include "sync/kept_files.hpp"

namespace royong::inline v0 {

namespace detail {
namespace {

/// What every member does first, whatever it becomes.
void set_up(std::vector<std::string> arguments) {
  auto& own = runtime();
  own.arguments = std::move(arguments);
  own.executable = os::self_executable();
  own.pid = ::getpid();
  os::set_error_reporter([](std::string_view message) noexcept { warn("{}", message); });
  if (std::atexit(run_exit_order) != 0) throw std::bad_alloc();
}

/// One descriptor a worker is needed; the soft limit is for programs that use select.
void raise_descriptor_limit() {
  const rlimit limit = os::get_limit(RLIMIT_NOFILE);
  if (limit.rlim_cur < limit.rlim_max) os::set_limit(RLIMIT_NOFILE, limit.rlim_max, limit.rlim_max);
}

[[noreturn]] void become_member(const Marker& marker) {
  memory::attach_arena(os::Fd(marker.arena));
  watch_forks();
  sync::set_keeper_starter(start_keeper);
  if (marker.role == Marker::Role::keeper) run_keeper();
  if (marker.role == Marker::Role::forkserver) {
    runtime().role = Role::forkserver;
    run_forkserver(marker);
  }
  hold_lifeline(marker.socket);
  run_worker({.slot = marker.slot, .death_pipe = marker.death_pipe});
}

void become_main() {
  auto& own = runtime();
  raise_descriptor_limit();
  memory::create_arena();
  sync::prepare_kept_files();
  sync::set_keeper_starter(start_keeper);
  watch_forks();
  start_service(memory::reserve_slot());
  const auto key = os::random_bytes<32>();
  own.authkey.assign(reinterpret_cast<const char*>(key.data()), key.size());
  own.role = Role::main;
}

}  // namespace
}  // namespace detail

void init(int argc, char** argv) {
  using namespace detail;
  if (runtime().role.load() != Role::uninitialised)
    throw UsageError("royong::init was called before: it is the first line of main, once");
  if (argc < 0 || (argc > 0 && argv == nullptr))
    throw UsageError("royong::init takes the argc and argv of main");
  std::vector<std::string> arguments(argv, argv + argc);
  if (arguments.size() < 2 || !is_marker(arguments[1])) {
    set_up(std::move(arguments));
    become_main();
    return;
  }
  // Nobody could catch what is thrown here: main has not begun in this process as far as the user is concerned.
  try {
    const std::optional<Marker> marker = decode_marker(arguments[1]);
    if (!marker) throw TransferError("no marker in the command line");
    arguments.erase(arguments.begin() + 1);
    set_up(std::move(arguments));
    become_member(*marker);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "royong: cannot start a worker: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "royong: cannot start a worker: an exception of an unknown type\n");
  }
  std::exit(1);
}

bool is_worker() noexcept {
  switch (detail::runtime().role.load()) {
    case detail::Role::uninitialised: return detail::has_marker();
    case detail::Role::worker:
    case detail::Role::forkserver: return true;
    case detail::Role::main:
    case detail::Role::outsider: return false;
  }
  return false;
}

}  // namespace royong::inline v0
