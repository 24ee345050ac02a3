// SPDX-License-Identifier: Apache-2.0
#include "manager/sessions.hpp"

#include <pthread.h>

#include <atomic>         // for std::atomic
#include <chrono>         // for std::chrono::seconds
#include <map>            // for std::map
#include <mutex>          // for std::mutex
#include <optional>       // for std::optional
#include <system_error>   // for std::system_error
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::move
#include <vector>         // for std::vector

#include "channel/ends.hpp"
#include "manager/server_state.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::Session;
using detail::StateRef;

namespace {

std::atomic<std::uint32_t> forks{0};

/// With a manager that does not answer.
constexpr std::chrono::seconds patience{30};

/** @brief The sessions of this process, by the serials of their servers. Each is known as long as somebody uses it.
 *
 *  Locked over forks. A child forgets them: they are its parent's.
 */
struct Sessions {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, ClientSession*> table;
  std::map<ServerIdentity, ClientSession*> elsewhere;
  std::vector<StateRef<ClientSession>> opened;  ///< for proxies that came, until the process ends

  StateRef<ClientSession> find_elsewhere(const ServerIdentity& identity) {
    const auto found = elsewhere.find(identity);
    if (found == elsewhere.end() || !found->second->is_usable() ||
        !found->second->try_add_reference()) {
      return {};
    }
    return StateRef<ClientSession>(found->second);
  }

  static Sessions& instance() {
    static auto& sessions = *new Sessions;  // proxies are dropped in static destructors too
    return sessions;
  }
  Sessions() {
    const int error =
        ::pthread_atfork([] { instance().mutex.lock(); }, [] { instance().mutex.unlock(); },
                         [] {
                           instance().table.clear();
                           instance().elsewhere.clear();
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
  if (session.server()) {
    sessions.table.insert_or_assign(session.server().name().serial, &session);
  } else {
    sessions.elsewhere.insert_or_assign(session.identity(), &session);
  }
}

void leave_session(const ClientSession& session) noexcept {
  auto& sessions = Sessions::instance();
  const std::lock_guard lock(sessions.mutex);
  if (session.server()) {
    const auto found = sessions.table.find(session.server().name().serial);
    if (found != sessions.table.end() && found->second == &session) sessions.table.erase(found);
  } else {
    const auto found = sessions.elsewhere.find(session.identity());
    if (found != sessions.elsewhere.end() && found->second == &session)
      sessions.elsewhere.erase(found);
  }
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

namespace {

/// The destructor of a session leaves the table: so it runs without the lock.
StateRef<ClientSession> connect_to(const ServerPlace& place) {
  const std::string& at = place.address;
  if (place.uses_certificates) {
    throw UsageError(
        "a proxy of the manager at " + at +
        " came, which uses certificates: connect to it (Manager::connect) before, in the "
        "initializer of the workers");
  }
  const std::string gone = "the manager of a proxy is gone, or cannot be reached from here: ";
  std::optional<std::string> key;
  if (place.asks_for_key) key = authkey();
  try {
    StateRef<ClientSession> session(new ClientSession(
        ConnectionAccess::connect(at, key, {.psk = place.uses_psk}, patience), at, patience));
    if (session->identity() == place.identity) return session;
  } catch (const AuthenticationError& error) {
    throw AuthenticationError("a proxy of the manager at " + at +
                              " came, whose key is not royong::authkey(): " + error.what());
  } catch (const std::system_error& error) {
    throw EndOfFile(gone + error.what());
  } catch (const EndOfFile& error) {
    throw EndOfFile(gone + error.what());
  }
  throw EndOfFile("the manager of a proxy is gone: there is another one at " + at);
}

}  // namespace

StateRef<Session> session_at(const ServerPlace& place) {
  auto& sessions = Sessions::instance();
  {
    const std::lock_guard lock(sessions.mutex);
    if (auto known = sessions.find_elsewhere(place.identity))
      return StateRef<Session>(known.take());
  }
  // Without the lock, for it may take long: two threads may connect, and both are right.
  auto session = connect_to(place);
  session->add_reference();
  StateRef<Session> result(session.get());
  std::vector<StateRef<ClientSession>> ended;
  const std::lock_guard lock(sessions.mutex);
  std::erase_if(sessions.opened, [&](auto& one) {
    if (one->is_usable()) return false;
    ended.push_back(std::move(one));
    return true;
  });
  sessions.opened.push_back(std::move(session));
  return result;
}

}  // namespace royong::inline v0::manager
