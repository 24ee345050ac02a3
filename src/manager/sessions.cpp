// SPDX-License-Identifier: Apache-2.0
#include "manager/sessions.hpp"

#include <pthread.h>

#include <atomic>         // for std::atomic
#include <mutex>          // for std::mutex
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::move

#include "manager/server_state.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::Session;
using detail::StateRef;

namespace {

std::atomic<std::uint32_t> forks{0};

/** @brief The sessions of this process, by the serials of their servers. Each is known as long as somebody uses it.
 *
 *  Locked over forks. A child forgets them: they are its parent's.
 */
struct Sessions {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, ClientSession*> table;

  static Sessions& instance() {
    static auto& sessions = *new Sessions;  // proxies are dropped in static destructors too
    return sessions;
  }
  Sessions() {
    const int error =
        ::pthread_atfork([] { instance().mutex.lock(); }, [] { instance().mutex.unlock(); },
                         [] {
                           instance().table.clear();
                           forks.fetch_add(1);
                           instance().mutex.unlock();
                         });
    if (error != 0) os::throw_error(error, "cannot register", "fork handlers");
  }
};

}  // namespace

std::uint32_t fork_generation() noexcept {
  Sessions::instance();
  return forks.load(std::memory_order_relaxed);
}

void enter_session(ClientSession& session) {
  auto& sessions = Sessions::instance();
  const std::lock_guard lock(sessions.mutex);
  sessions.table.insert_or_assign(session.server().name().serial, &session);
}

void leave_session(const ClientSession& session) noexcept {
  auto& sessions = Sessions::instance();
  const std::lock_guard lock(sessions.mutex);
  const auto found = sessions.table.find(session.server().name().serial);
  if (found != sessions.table.end() && found->second == &session) sessions.table.erase(found);
}

StateRef<Session> session_with(const ObjectRef& server) {
  auto& sessions = Sessions::instance();
  StateRef<ClientSession> session;  // outlives the lock, which its destructor may want
  // Held throughout: two threads make one session.
  const std::lock_guard lock(sessions.mutex);
  const auto found = sessions.table.find(server.name().serial);
  if (found != sessions.table.end() && found->second->is_usable() &&
      found->second->try_add_reference()) {
    return StateRef<Session>(found->second);
  }
  const auto& state = server_state(server.record());
  if (!memory::is_alive({state.owner.load()})) std::rethrow_exception(server_is_gone());
  auto [mine, theirs] = Pipe();
  session = StateRef<ClientSession>(new ClientSession(std::move(mine), server));
  session->greet(nullptr);
  try {
    const auto door = detail::HandleAccess::make<Connection>(
        ObjectRef::acquire(state.door, ObjectKind::connection, 0));
    door.send(theirs);
  } catch (const BrokenPipe&) {
    std::rethrow_exception(server_is_gone());
  } catch (const TransferError&) {
    std::rethrow_exception(server_is_gone());
  }
  tell(server.record());
  sessions.table.insert_or_assign(server.name().serial, session.get());
  return StateRef<Session>(session.take());
}

}  // namespace royong::inline v0::manager
