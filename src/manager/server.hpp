// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Server: the process in which a manager's objects live. One loop serves sessions, the door, the listener's clients and the timers.
 *
 *  **A turn** takes up to 64 messages of each session that has some, runs them, and sends the answers of each session together, or the first of them if they are long. A session whose answers do not fit is not
 *  read until they do, so a client that does not read holds up itself alone. Sessions that were quiet for a while are looked at less often.
 *
 *  **Sleeping.** After turns in vain the loop spins a while and then sleeps: on the eventcount of its record, or, with a listener, in epoll (server_state.hpp).
 *
 *  **The end.** Who asks for it (the owner's handle) is answered first, so that it knows that it was heard. Then the snapshot is written and what is owed is answered, the owner's whole; only then anything else ends.
 *
 *  **If a client dies**, its session ends: by the end of its pipe or socket, or because its slot says so. Then every object hears `forget`.
 */
#pragma once

#include <cstdint>   // for std::uint64_t
#include <map>       // for std::map
#include <memory>    // for std::unique_ptr
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <vector>    // for std::vector

#include "manager/lender.hpp"
#include "manager/line.hpp"
#include "manager/memory_limit.hpp"
#include "manager/object_table.hpp"
#include "manager/protocol.hpp"
#include "manager/server_state.hpp"
#include "manager/tracebacks.hpp"
#include "memory/slots.hpp"
#include "os/poll.hpp"
#include "royong/connection.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/detail/manager/serve_options.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/session.hpp"
#include "sync/watch.hpp"

namespace royong::inline v0::manager {

class Acceptor;
class ServerSession;

/// What a server process is started with.
struct ServerPlan {
  bool listens = false;
  ServeOptions options{};
};

/// The function of the server's process.
void serve_main(ServerPlan plan, Connection first);

class Server {
 public:
  Server(ServerPlan plan, Connection first);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Until `shutdown`.
  void run();

  /// The server whose loop this thread is, or null.
  static Server* current() noexcept;
  bool is(const detail::ObjectRef& server) const noexcept { return server.name() == self_.name(); }
  /// Calls of its own objects.
  detail::StateRef<detail::Session> session() const;

  // For its sessions.

  /// Runs a request, whose answer goes to `sink`. `from` is null for the server itself.
  void handle(const RequestHead& head, detail::Reader& in, detail::AnswerSink& sink,
              ServerSession* from) noexcept;
  detail::Timers& timers() noexcept { return timers_; }
  Tracebacks& tracebacks() noexcept { return tracebacks_; }
  const ManagerLimits& limits() const noexcept { return plan_.options.limits; }
  MemoryLimit& memory() noexcept { return memory_; }
  /// A stranger is about to be owed so many bytes more. @throws UsageError there is no memory for them
  void require_for_answer(std::uint64_t bytes);
  /// The session has something to send although it was not its turn.
  void has_answers(ServerSession& session);
  std::uint64_t number_of(const detail::TargetRef& target);
  std::uint32_t count_starved(int change) noexcept;
  /// A session has ended: lets go of what it held.
  void forget(ServerSession& session);
  /// A call of the server's own that was not answered at once is not waited for.
  void forget_own(std::uint64_t id) noexcept;

 private:
  bool turn(bool all);
  bool serve_sockets(Timeout::Clock::time_point until);
  void serve_socket(detail::SessionId id, bool& worked);
  void watch_socket(ServerSession& session);
  void sleep();
  void accept_local();
  void accept_foreign();
  void add_session(std::shared_ptr<ServerSession> session);
  bool admit(ServerSession& session);
  void end_sessions();
  void look_for_the_dead();
  bool run_timers();

  void answer_hello(detail::IncomingCall& call, ServerSession* from);
  void run_verb(const RequestHead& head, detail::IncomingCall& call, ServerSession* from);
  void create(detail::IncomingCall& call, ServerSession* from);
  void publish(detail::IncomingCall& call);
  void find(detail::IncomingCall& call, ServerSession* from);
  void lend(detail::IncomingCall& call, ServerSession* from);
  void adopt(detail::IncomingCall& call);

  void restore();
  void save();
  void save_or_tell();
  void schedule_snapshot();

  ServerPlan plan_;
  /// Without strangers only if that was asked for.
  MemoryLimit memory_{plan_.listens || limits().memory != 0 ? limits().memory : MemoryLimit::none};
  detail::ObjectRef self_;
  std::optional<Connection> door_;  ///< the reading end
  detail::Timers timers_;
  Tracebacks tracebacks_{[this] { tell(self_.record()); }};
  std::optional<ObjectTable> objects_;
  std::optional<Lender> lender_;
  std::map<std::string, detail::ObjectRef, std::less<>> published_;
  std::vector<std::shared_ptr<ServerSession>> sessions_;
  std::vector<ServerSession*> to_flush_;
  /// Have received something of which epoll does not tell.
  std::vector<detail::SessionId> to_serve_;
  detail::SessionId last_session_ = 0;
  detail::StateRef<detail::Session> own_;
  bool ending_ = false;
  bool told_full_ = false;
  bool changed_ = false;  ///< something was called since the last snapshot
  std::uint64_t turns_ = 0;

  // With a listener.
  std::unique_ptr<os::Epoll> epoll_;
  std::unique_ptr<sync::Watch> watch_;
  std::unique_ptr<Acceptor> acceptor_;
  std::string address_;
};

}  // namespace royong::inline v0::manager
