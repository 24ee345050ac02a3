// SPDX-License-Identifier: Apache-2.0
#include "process/forkserver.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "logging/log.hpp"
#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "os/error.hpp"
#include "os/process.hpp"
#include "os/socket.hpp"
#include "os/syscalls.hpp"
#include "process/death_pipe.hpp"
#include "process/identity.hpp"
#include "process/launch.hpp"
#include "process/runtime.hpp"
#include "process/self_exec.hpp"
#include "royong/error.hpp"
#include "royong/init.hpp"

namespace royong::inline v0::detail {
namespace {

/// How often in a row it may die before it has made a process. More than chance (a user who kills, a lack of memory) would do.
constexpr int most_deaths = 5;

/// Copies that are asked for at a time.
constexpr std::size_t most_requests = 32;

/// The server of this process, seen from here. Guarded by `mutex`.
struct Client {
  std::mutex mutex;
  pid_t server = 0;
  os::Fd socket;
  Identity identity;  ///< whose rights the server has, and so its copies
  std::vector<std::byte> preload;
  int deaths = 0;  ///< in a row
  bool told_of_deaths = false;
  bool degraded = false;  ///< spawn instead, for good
};

Client& client() {
  static auto& instance = *new Client;
  return instance;
}

void stop(Client& own) noexcept {
  if (own.server == 0) return;
  own.socket.reset();
  discard(own.server);
  own.server = 0;
}

/// Nothing when the server is gone.
std::optional<ForkserverReply> receive_reply(int socket) {
  ForkserverReply reply{};
  try {
    const auto got = os::receive_message(socket, std::as_writable_bytes(std::span(&reply, 1)));
    if (got.bytes != sizeof(reply)) return std::nullopt;
  } catch (const std::system_error& error) {
    if (error.code().value() == ECONNRESET) return std::nullopt;
    throw;
  }
  return reply;
}

bool send_request(Client& own, ForkserverRequest request) {
  try {
    os::send_message(own.socket.get(), std::as_bytes(std::span(&request, 1)));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

/// Asks for a copy. Nothing when the server is gone. @throws std::system_error the server's errno
std::optional<pid_t> request_copy(Client& own, ForkserverRequest request) {
  if (!send_request(own, request)) return std::nullopt;
  const auto reply = receive_reply(own.socket.get());
  if (!reply) return std::nullopt;
  if (reply->error != 0) os::throw_error(reply->error, "cannot start", "a process");
  return reply->pid;
}

enum class Verdict { works, died, unusable };

/// The program says it, not each of its processes again.
void degrade(Client& own, std::string_view why) {
  own.degraded = true;
  log(is_worker() ? LogLevel::info : LogLevel::warning,
      "the forkserver cannot be used here ({}): processes are spawned instead", why);
}

/// The copy that a server made just before it was killed: it is in the slot, and runs. The kernel noted it there.
pid_t copy_of_dead_server(memory::Owner slot) {
  return static_cast<pid_t>(memory::slot(slot).pid.load());
}

/// A slot for as long as the probe lives.
class ProbeSlot {
 public:
  ProbeSlot() : slot_(memory::reserve_slot()) {}
  ~ProbeSlot() { memory::cancel_slot(slot_); }
  ProbeSlot(const ProbeSlot&) = delete;
  ProbeSlot& operator=(const ProbeSlot&) = delete;
  memory::Owner get() const noexcept { return slot_; }

 private:
  memory::Owner slot_;
};

/// The probe is a child of ours: its exit code is the verdict. @throws std::system_error there is no probe to be had
Verdict self_test(Client& own) {
  const auto greeting = receive_reply(own.socket.get());
  if (!greeting) return Verdict::died;
  if (greeting->error != 0) {
    degrade(own, "static initialisers have started threads in it");
    return Verdict::unusable;
  }
  const ProbeSlot slot;
  const auto probe = request_copy(own, {slot.get().bits, 1});
  if (!probe) {
    if (const pid_t left = copy_of_dead_server(slot.get())) discard(left);
    return Verdict::died;
  }
  int status = 0;
  os::retry([&] { return ::waitpid(*probe, &status, 0); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Verdict::works;
  // Killed from outside, it says nothing about the server.
  if (WIFSIGNALED(status)) return Verdict::died;
  degrade(own, "its copies do not have a sound thread identity");
  return Verdict::unusable;
}

bool is_lack_of_resources(const std::system_error& error) {
  const int code = error.code().value();
  return code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
}

/// The call that the server runs first, in a block that it reads; given back with the scope.
class PreloadBlock {
 public:
  explicit PreloadBlock(const std::vector<std::byte>& call) {
    if (call.empty()) return;
    offset_ = memory::allocate(call.size());
    std::ranges::copy(call, memory::block(offset_).begin());
  }
  ~PreloadBlock() {
    if (offset_ != 0) memory::free_block(offset_);
  }
  PreloadBlock(const PreloadBlock&) = delete;
  PreloadBlock& operator=(const PreloadBlock&) = delete;
  memory::Offset offset() const noexcept { return offset_; }

 private:
  memory::Offset offset_ = 0;
};

/// @throws std::system_error the system refuses; another time it may not
Verdict start(Client& own) {
  if (!has_pidfds()) {
    degrade(own, "pidfd_open is missing");
    return Verdict::unusable;
  }
  const PreloadBlock preload(own.preload);
  Marker marker{.role = Marker::Role::forkserver,
                .arena = memory::arena_fd(),
                .death_pipe = death_pipe_read_end(),
                .slot = {},
                .preload = preload.offset()};
  own.identity = Identity::current();
  {
    // No fork in between: a copy of the server's end elsewhere would hide the server's death.
    const std::lock_guard no_fork(runtime().mutex);
    auto [ours, theirs] = os::socket_pair(SOCK_SEQPACKET);
    marker.socket = theirs.get();
    own.server = execute_self(marker);
    own.socket = std::move(ours);
  }
  Verdict verdict = Verdict::died;
  try {
    verdict = self_test(own);
  } catch (const std::system_error& error) {
    stop(own);
    if (is_lack_of_resources(error)) throw;
    degrade(own, error.what());
    return Verdict::unusable;
  } catch (...) {
    stop(own);
    throw;
  }
  if (verdict != Verdict::works) stop(own);
  return verdict;
}

/// Nothing when there is no server to be had.
std::optional<pid_t> copy(Client& own, ForkserverRequest request) {
  // A killed server is replaced.
  for (; own.deaths < most_deaths && !own.degraded; ++own.deaths) {
    if (own.server != 0 && own.identity != Identity::current()) stop(own);
    if (own.server == 0 && start(own) != Verdict::works) continue;
    auto made = request_copy(own, request);
    if (!made) {
      stop(own);
      if (const pid_t pid = copy_of_dead_server({request.slot})) made = pid;
    }
    if (made) {
      own.deaths = 0;
      return made;
    }
  }
  if (!own.degraded) {
    // Whoever kills it may stop: the next request tries once more.
    own.deaths = most_deaths - 1;
    if (!std::exchange(own.told_of_deaths, true))
      warn("the forkserver died again and again: processes are spawned meanwhile");
  }
  return std::nullopt;
}

}  // namespace

Launched launch_by_forkserver(memory::Owner slot, Readiness readiness) {
  auto& own = client();
  {
    const std::lock_guard lock(own.mutex);
    // It waits until it is told: one that had ended already, where SIGCHLD is ignored, would leave no descriptor to be had.
    if (const auto pid = copy(own, {slot.bits, 0})) {
      Launched launched = supervise(*pid);
      if (readiness == Readiness::now) tell_to_go(slot);
      return launched;
    }
  }
  if (readiness == Readiness::when_told) throw ProcessError("spare processes need the forkserver");
  return launch_by_spawn(slot);
}

void start_forkserver() {
  require_member();
  if (get_start_method() != StartMethod::forkserver) return;
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  // One that dies is started again with the first process that is wanted.
  if (own.server == 0 && !own.degraded) start(own);
}

std::vector<std::optional<Launched>> launch_together(std::span<const memory::Owner> slots) {
  std::vector<std::optional<Launched>> launched(slots.size());
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  // One that has to be started, or has other rights, is not for here.
  if (own.server == 0 || own.degraded || own.identity != Identity::current()) return launched;
  std::size_t asked = 0, answered = 0;
  const auto take = [&](pid_t pid) {
    // What cannot be supervised is gone; the next attempt says why.
    try {
      launched[answered] = supervise(pid);
      tell_to_go(slots[answered]);
    } catch (const std::system_error&) {
    }
  };
  while (answered < slots.size()) {
    // Bounded: both sides' messages fit the socket's buffers, so neither waits for the other to read.
    while (asked < slots.size() && asked - answered < most_requests &&
           send_request(own, {slots[asked].bits, 0}))
      ++asked;
    std::optional<ForkserverReply> reply;
    try {
      if (asked != answered) reply = receive_reply(own.socket.get());
    } catch (const std::system_error&) {
      // Nothing may be thrown here: those that are there already would be nobody's.
    }
    if (!reply) break;
    if (reply->error == 0) take(reply->pid);
    ++answered;
  }
  if (answered == slots.size()) return launched;
  stop(own);  // it has died: what it made before is in the slots
  for (; answered < asked; ++answered) {
    if (const pid_t left = copy_of_dead_server(slots[answered])) take(left);
  }
  return launched;
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
  own.server = 0;
}

void set_forkserver_preload(std::vector<std::byte> call) {
  auto& own = client();
  const std::lock_guard lock(own.mutex);
  if (own.server != 0)
    throw UsageError(
        "set_forkserver_preload: the forkserver runs already; call it before the first process "
        "starts");
  own.preload = std::move(call);
}

}  // namespace royong::inline v0::detail
