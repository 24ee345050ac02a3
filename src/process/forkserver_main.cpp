// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iterator>
#include <span>
#include <string_view>
#include <system_error>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "os/socket.hpp"
#include "process/clone_sibling.hpp"
#include "process/death_pipe.hpp"
#include "process/forkserver.hpp"
#include "process/runtime.hpp"
#include "process/self_exec.hpp"
#include "process/signals.hpp"
#include "process/worker.hpp"
#include "royong/detail/call.hpp"

namespace royong::inline v0::detail {
namespace {

// Static initialisers may have started threads; a copy of this process would not have them.
bool is_single_threaded() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks)) == 1;
}

void run_preload(memory::Offset block) {
  if (block == 0) return;
  try {
    Reader reader(memory::block(block));
    Writer nothing(Transit::argument);
    run_call(reader, nothing);
  } catch (const std::exception& error) {
    warn("the forkserver's preload failed: {}", error.what());
  } catch (...) {
    warn("the forkserver's preload failed: an exception of an unknown type");
  }
  // What the preload printed must not be printed again by every copy.
  std::fflush(nullptr);
}

/// @return false: the parent closed its end, or is gone
bool receive(int socket, ForkserverRequest& request) {
  try {
    const auto got = os::receive_message(socket, std::as_writable_bytes(std::span(&request, 1)));
    return got.bytes == sizeof(request);
  } catch (const std::system_error& error) {
    if (error.code().value() == ECONNRESET) return false;
    throw;
  }
}

void reply(int socket, ForkserverReply answer) {
  try {
    os::send_message(socket, std::as_bytes(std::span(&answer, 1)));
  } catch (const std::system_error&) {
    ::_exit(0);  // nobody listens any more
  }
}

/// Empty when there is none to be had: whoever needs it then tries again and reports the error.
os::Fd try_open_death_pipe(int read_end) noexcept {
  try {
    return open_death_pipe(read_end);
  } catch (const std::exception&) {
    return {};
  }
}

/// Where the kernel notes the copy: in its slot, which the owner of this server can read after our death.
std::uint32_t& note_of(memory::Owner slot) {
  auto& pid = memory::slot(slot).pid;
  // So that the page is there to be written: the kernel does not repeat a note that fails.
  pid.store(0);
  static_assert(sizeof(pid) == sizeof(std::uint32_t));
  return reinterpret_cast<std::uint32_t&>(pid);
}

}  // namespace

void run_forkserver(const Marker& marker) {
  if (const char* bind = ::getenv("LD_BIND_NOW");
      bind != nullptr && bind == std::string_view("royong"))
    ::unsetenv("LD_BIND_NOW");
  // Not ignored: an interrupt that reaches a copy at its birth must wait for it, not be lost.
  block_interrupts();
  const os::Fd socket(marker.socket);
  const os::Fd death_pipe(marker.death_pipe);
  arm_death_pipe(open_death_pipe(death_pipe.get()));
  const bool usable = is_single_threaded();
  if (usable) run_preload(marker.preload);
  reply(socket.get(), {usable && is_single_threaded() ? 0 : EBUSY, 0});

  for (;;) {
    // The next copy's, made while nobody waits for one.
    os::Fd next_death_pipe = try_open_death_pipe(death_pipe.get());
    ForkserverRequest request{};
    if (!receive(socket.get(), request)) ::_exit(0);
    try {
      if (!next_death_pipe) next_death_pipe = open_death_pipe(death_pipe.get());
      const pid_t sibling = clone_sibling(note_of({request.slot}));
      if (sibling == 0) {
        if (request.is_probe != 0) ::_exit(is_thread_identity_sound() ? 0 : 1);
        ::close(socket.get());
        ::close(death_pipe.get());
        run_worker({.slot = {request.slot},
                    .death_pipe = next_death_pipe.release(),
                    .birth = Birth::copied});
      }
      reply(socket.get(), {0, sibling});
    } catch (const std::system_error& error) {
      reply(socket.get(), {error.code().value(), 0});
    }
  }
}

}  // namespace royong::inline v0::detail
