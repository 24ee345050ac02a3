// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <span>
#include <system_error>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "os/socket.hpp"
#include "process/clone_sibling.hpp"
#include "process/death_pipe.hpp"
#include "process/forkserver.hpp"
#include "process/runtime.hpp"
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
  }
  // What the preload printed must not be printed again by every copy.
  std::fflush(nullptr);
}

void reply(int socket, ForkserverReply answer, int pidfd) {
  const std::span<const int> descriptors(&pidfd, pidfd >= 0 ? 1 : 0);
  os::send_message(socket, std::as_bytes(std::span(&answer, 1)), descriptors);
}

}  // namespace

void run_forkserver(const Marker& marker) {
  ::signal(SIGINT, SIG_IGN);
  const os::Fd socket(marker.socket);
  const int death_pipe = marker.death_pipe;
  // The workers need the parent's read end too: this process arms a copy.
  arm_death_pipe(os::duplicate(death_pipe).release());
  const bool usable = is_single_threaded();
  if (usable) run_preload(marker.preload);
  reply(socket.get(), {usable && is_single_threaded() ? 0 : EBUSY, 0}, -1);

  for (;;) {
    ForkserverRequest request{};
    const auto got =
        os::receive_message(socket.get(), std::as_writable_bytes(std::span(&request, 1)));
    if (got.bytes != sizeof(request)) ::_exit(0);  // the parent closed its end, or is gone
    try {
      const Sibling sibling = clone_sibling();
      if (sibling.pid == 0) {
        if (request.slot == 0) ::_exit(is_thread_identity_sound() ? 0 : 1);
        ::close(socket.get());
        run_worker({.slot = {request.slot},
                    .death_pipe = death_pipe,
                    .readiness = static_cast<Readiness>(request.readiness)});
      }
      const os::Fd pidfd(sibling.pidfd);
      reply(socket.get(), {0, sibling.pid}, pidfd.get());
    } catch (const std::system_error& error) {
      reply(socket.get(), {error.code().value(), 0}, -1);
    }
  }
}

}  // namespace royong::inline v0::detail
