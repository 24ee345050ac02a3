// SPDX-License-Identifier: Apache-2.0
#include "process/forkserver.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "os/error.hpp"
#include "os/process.hpp"
#include "os/socket.hpp"
#include "process/death_pipe.hpp"
#include "process/launch.hpp"
#include "process/self_exec.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

/// The server of this process, seen from here. Guarded by `mutex`.
struct Client {
  std::mutex mutex;
  Launched server;
  os::Fd socket;
  std::vector<std::byte> preload;
  bool degraded = false;  ///< the self-test failed: spawn instead, for good
};

Client& client() {
  static auto& instance = *new Client;
  return instance;
}

void stop(Client& own) noexcept {
  if (own.server.pid == 0) return;
  own.socket.reset();
  discard(own.server);
  own.server = {};
}

/// Nothing when the server is gone.
std::optional<std::pair<ForkserverReply, os::Fd>> receive_reply(int socket) {
  ForkserverReply reply{};
  os::Received got;
  try {
    got = os::receive_message(socket, std::as_writable_bytes(std::span(&reply, 1)));
  } catch (const std::system_error& error) {
    if (error.code().value() == ECONNRESET) return std::nullopt;
    if (error.code().value() != EMSGSIZE) throw;
    // The bytes are here, and no room was for the descriptor.
    return std::pair(reply, os::Fd());
  }
  if (got.bytes != sizeof(reply)) return std::nullopt;
  os::Fd pidfd = got.descriptors.empty() ? os::Fd() : std::move(got.descriptors.front());
  return std::pair(reply, std::move(pidfd));
}

/// Asks for a copy. Nothing when the server is gone. @throws std::system_error the server's errno
std::optional<Launched> request_copy(Client& own, ForkserverRequest request) {
  try {
    os::send_message(own.socket.get(), std::as_bytes(std::span(&request, 1)), {});
  } catch (const std::system_error&) {
    return std::nullopt;
  }
  auto reply = receive_reply(own.socket.get());
  if (!reply) return std::nullopt;
  auto& [answer, pidfd] = *reply;
  if (answer.error != 0) os::throw_error(answer.error, "cannot start", "a process");
  if (!pidfd) {
    discard({answer.pid, {}});
    os::throw_error(EMFILE, "cannot receive", "a process descriptor");
  }
  return Launched{answer.pid, std::move(pidfd)};
}

/// What is wrong with the server; nothing when it works. The probe is a child of ours: its exit code is the verdict.
std::optional<std::string> self_test(Client& own) {
  const auto greeting = receive_reply(own.socket.get());
  if (!greeting) return "it ended at its start";
  if (greeting->first.error != 0) return "static initialisers have started threads in it";
  const auto probe = request_copy(own, {});
  if (!probe) return "it ended in its self-test";
  int status = 0;
  while (::waitpid(probe->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return "its copies do not have a sound thread identity";
  return std::nullopt;
}

void start(Client& own) {
  auto [ours, theirs] = os::socket_pair(SOCK_SEQPACKET);
  memory::Offset preload = 0;
  if (!own.preload.empty()) {
    preload = memory::allocate(own.preload.size());
    std::ranges::copy(own.preload, memory::block(preload).begin());
  }
  const pid_t pid = execute_self({.role = Marker::Role::forkserver,
                                  .arena = memory::arena_fd(),
                                  .death_pipe = death_pipe_read_end(),
                                  .socket = theirs.get(),
                                  .slot = {},
                                  .preload = preload});
  theirs.reset();
  own.server = {pid, {}};
  own.socket = std::move(ours);
  std::optional<std::string> defect;
  try {
    defect = self_test(own);
  } catch (const std::system_error& error) {
    defect = error.what();
  }
  if (preload != 0) memory::free_block(preload);
  if (defect) {
    stop(own);
    own.degraded = true;
    warn("the forkserver cannot be used here ({}): processes are spawned instead", *defect);
  }
}

}  // namespace

Launched launch_by_forkserver(memory::Owner slot, Readiness readiness) {
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  // A killed server is replaced; one that dies at every request is not asked a third time.
  for (int attempt = 0; attempt < 2 && !own.degraded; ++attempt) {
    if (own.server.pid == 0) start(own);
    if (own.degraded) break;
    if (auto copy = request_copy(own, {slot.bits, static_cast<std::uint64_t>(readiness)}))
      return std::move(*copy);
    stop(own);
  }
  if (!own.degraded) {
    own.degraded = true;
    warn("the forkserver died twice: processes are spawned instead");
  }
  if (readiness == Readiness::when_told) throw ProcessError("spare processes need the forkserver");
  return launch_by_spawn(slot);
}

void stop_forkserver() noexcept {
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  stop(own);
}

void forget_forkserver() noexcept {
  auto& own = client();
  new (&own.mutex) std::mutex;  // a thread that does not exist here may have held it
  own.socket.reset();
  own.server = {};
}

void set_forkserver_preload(std::vector<std::byte> call) {
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  if (own.server.pid != 0)
    throw UsageError(
        "set_forkserver_preload: the forkserver runs already; call it before the first process "
        "starts");
  own.preload = std::move(call);
}

}  // namespace royong::inline v0::detail
