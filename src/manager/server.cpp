// SPDX-License-Identifier: Apache-2.0
#include "manager/server.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>  // for std::min, std::erase_if
#include <array>      // for std::array
#include <utility>    // for std::move

#include "channel/ends.hpp"
#include "logging/log.hpp"
#include "manager/acceptor.hpp"
#include "manager/own_session.hpp"
#include "manager/server_session.hpp"
#include "manager/server_state.hpp"
#include "os/random.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::Writer;
using Instant = Timeout::Clock::time_point;

namespace {

thread_local Server* current_server = nullptr;

/// The first after the server's own.
constexpr detail::SessionId owners_session_id = own_session_id + 1;
/// Every so many turns those sessions are looked at too that were quiet.
constexpr std::uint64_t turns_between_looks = 32;

// Keys of entries in epoll: above the numbers of sessions.
constexpr std::uint64_t watch_key = ~std::uint64_t{0};
constexpr std::uint64_t acceptor_key = watch_key - 1;

}  // namespace

Server* Server::current() noexcept { return current_server; }

Server::Server(ServerPlan plan, Connection first) : plan_(std::move(plan)) {
  current_server = this;
  self_ = ObjectRef::create(ObjectKind::manager);
  ServerState& state = server_state(self_.record());
  state.owner = memory::self().bits;
  os::fill_random(std::as_writable_bytes(std::span(state.identity)));
  {
    auto [reader, writer] = Pipe(false);
    const ObjectRef object = detail::HandleAccess::object(writer);
    memory::pin(object, memory::owner_of_object(self_.record()));
    state.door = object.name();
    door_ = std::move(reader);
    writer.close();  // here; the record keeps it for the others
  }
  objects_.emplace(self_, static_cast<std::size_t>(std::max(limits().objects, 1)));
  lender_.emplace(timers_, limits().lent);
  own_ = make_own_session(*this);
  last_session_ = own_session_id;
  if (plan_.listens) {
    state.sleeps_in_epoll = 1;
    watch_ = std::make_unique<sync::Watch>(self_, state.attention, state.quiet, &is_posted);
    epoll_ = std::make_unique<os::Epoll>();
    epoll_->add(watch_->fd(), EPOLLIN, watch_key);
    acceptor_ = std::make_unique<Acceptor>(plan_.options);
    epoll_->add(acceptor_->fd(), EPOLLIN, acceptor_key);
    address_ = acceptor_->address();
  }
  if (!plan_.options.snapshot.empty()) {
    restore();
    schedule_snapshot();
  }
  add_session(std::make_shared<ServerSession>(*this, ++last_session_,
                                              make_pipe_line(std::move(first)), false));
}

Server::~Server() {
  for (auto& session : sessions_) session->end({});
  end_sessions();
  acceptor_.reset();
  published_.clear();
  lender_.reset();
  objects_.reset();
  own_ = {};
  current_server = nullptr;
}

detail::StateRef<detail::Session> Server::session() const { return own_; }

// ---- The loop ----

void Server::run() {
  while (!ending_) {
    if (turn(++turns_ % turns_between_looks == 0)) continue;
    bool worked = false;
    {
      sync::Spinner spinner(spin_rounds, &server_state(self_.record()).work);
      while (!worked && spinner.once()) worked = turn(++turns_ % turns_between_looks == 0);
    }
    if (!worked && !ending_) sleep();
  }
  if (!plan_.options.snapshot.empty()) save_or_tell();
  tracebacks_.finish();
  // What was answered last has left then: the owner, who has asked for the end, reads on meanwhile. For the others it is sent as far as there is room.
  for (;;) {
    const auto key = server_state(self_.record()).work.prepare();
    bool is_over = true;
    for (auto& session : sessions_) {
      const bool has_left = session->flush();
      if (session->id() == owners_session_id) is_over = has_left;
    }
    if (is_over) break;
    server_state(self_.record()).work.wait(key, Instant::max());
  }
  server_state(self_.record()).is_done.store(1);
}

bool Server::turn(bool all) {
  bool worked = false;
  // By number: what runs in a turn may add sessions.
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    ServerSession& session = *sessions_[i];
    const bool is_socket = session.line().fd() >= 0;
    if (!is_socket && (all || session.is_lively() || session.is_starved())) {
      worked = session.serve() || worked;
    }
  }
  if (all || !worked) {
    if (door_->poll()) {
      accept_local();
      worked = true;
    }
    worked = objects_->clear_graves() || worked;
    if (epoll_) worked = serve_sockets(Instant::min()) || worked;
  }
  if (timers_.size() != 0) worked = run_timers() || worked;
  worked = tracebacks_.run_answers() || worked;
  while (!to_flush_.empty()) {
    auto flushed = std::exchange(to_flush_, {});
    for (ServerSession* session : flushed) {
      session->flush();
      watch_socket(*session);
    }
  }
  end_sessions();
  return worked;
}

bool Server::serve_sockets(Instant until) {
  std::array<epoll_event, 64> room;
  bool worked = false;
  const auto to_serve = std::exchange(to_serve_, {});
  for (const auto id : to_serve) serve_socket(id, worked);
  if (!to_serve.empty()) until = Instant::min();
  for (const auto& event : epoll_->wait(room, until)) {
    if (event.data.u64 == watch_key) continue;  // who posted is found by the next turn
    if (event.data.u64 == acceptor_key) {
      accept_foreign();
      worked = true;
      continue;
    }
    serve_socket(event.data.u64, worked);
  }
  return worked;
}

void Server::serve_socket(detail::SessionId id, bool& worked) {
  const auto found =
      std::ranges::find(sessions_, id, [](const auto& session) { return session->id(); });
  if (found == sessions_.end()) return;
  ServerSession& session = **found;
  worked = session.serve() || worked;
  watch_socket(session);
}

/// A session that has something unsent is not read: what its socket should tell then is that there is room. After whatever was received, or sent.
void Server::watch_socket(ServerSession& session) {
  if (session.has_ended() || session.line().fd() < 0) return;
  const std::uint32_t events = session.is_starved() ? EPOLLOUT : EPOLLIN;
  if (session.set_watched(events)) epoll_->modify(session.line().fd(), events, session.id());
  if (!session.is_starved() && session.line().has_buffered()) to_serve_.push_back(session.id());
}

void Server::sleep() {
  ServerState& state = server_state(self_.record());
  const Instant timer = timers_.next();
  if (!epoll_) {
    const auto key = state.work.prepare();
    if (turn(true) || ending_) return;
    state.work.wait(key, timer);
  } else {
    state.posted.store(0, std::memory_order_seq_cst);
    // Orders it before the last look: who posted without storing, because the word was set, is seen.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    state.quiet.ring(self_.record());
    watch_->refresh();
    if (turn(true) || ending_) return;
    serve_sockets(std::min(timer, Timeout::Clock::now() + sync::slice));
  }
  look_for_the_dead();
}

/// A client of the family whose pipe a forked child of its has open as well hangs up too late, or never.
void Server::look_for_the_dead() {
  for (auto& session : sessions_) {
    if (session->owner() && !memory::is_alive(session->owner()) && !session->line().may_receive()) {
      session->end({});
    }
  }
  end_sessions();
}

bool Server::run_timers() { return timers_.run_due(Timeout::Clock::now()) != 0; }

// ---- Sessions ----

void Server::add_session(std::shared_ptr<ServerSession> session) {
  sessions_.push_back(std::move(session));
}

void Server::accept_local() {
  try {
    while (door_->poll()) {
      auto end = door_->recv<Connection>(std::chrono::seconds(0));
      auto session =
          std::make_shared<ServerSession>(*this, ++last_session_, make_pipe_line(end), false);
      if (admit(*session)) add_session(std::move(session));
    }
  } catch (const std::exception& error) {
    detail::warn("a client did not get into the manager: {}", error.what());
  }
}

void Server::accept_foreign() {
  while (auto stream = acceptor_->take()) {
    try {
      auto session = std::make_shared<ServerSession>(
          *this, ++last_session_, make_stream_line(std::move(stream), limits().message), true);
      if (!admit(*session)) continue;
      session->set_watched(EPOLLIN);
      epoll_->add(session->line().fd(), EPOLLIN, session->id());
      add_session(std::move(session));
      watch_socket(*sessions_.back());
    } catch (const std::exception& error) {
      detail::warn("a client did not get into the manager: {}", error.what());
    }
  }
}

/** @brief Whether the session may stay; one too many may, to be told so when it says hello.
 *
 *  Of those that were refused only a few are kept: in a flood of silent clients the others are hung up at once.
 */
bool Server::admit(ServerSession& session) {
  constexpr std::size_t kept_refused = 64;
  const auto most = static_cast<std::size_t>(std::max(limits().sessions, 1));
  if (sessions_.size() < most) {
    told_full_ = false;
    return true;
  }
  // Once for a flood, not once for each of its clients.
  if (!std::exchange(told_full_, true)) {
    detail::warn("the manager has {} clients: more are refused", sessions_.size());
  }
  session.refuse();
  return sessions_.size() < most + kept_refused;
}

void Server::end_sessions() {
  for (std::size_t i = 0; i < sessions_.size();) {
    if (!sessions_[i]->has_ended()) {
      ++i;
      continue;
    }
    const auto gone = std::move(sessions_[i]);
    sessions_[i] = std::move(sessions_.back());
    sessions_.pop_back();
    std::erase(to_flush_, gone.get());
    if (epoll_ && gone->line().fd() >= 0) epoll_->remove(gone->line().fd());
    forget(*gone);
  }
}

void Server::forget(ServerSession& session) {
  session.drop();
  objects_->forget(session.id());
  objects_->clear_graves();
}

/** @brief Beyond the limit of memory all strangers together are owed `ManagerLimits::unread` at the most.
 *
 *  Where that is not enough, it is those who do not read what they are owed that go, and not who asks now.
 */
void Server::require_for_answer(std::uint64_t bytes) {
  if (memory_.left_for(bytes) >= bytes) return;
  if (bytes > limits().unread) throw no_memory();
  for (;;) {
    std::uint64_t owed = bytes;
    ServerSession* longest = nullptr;
    for (const auto& session : sessions_) {
      if (!session->is_foreign() || session->has_ended()) continue;
      owed += session->line().unsent();
      if (longest == nullptr || session->line().unsent() > longest->line().unsent()) {
        longest = session.get();
      }
    }
    if (owed <= limits().unread || longest == nullptr) return;
    longest->end("it does not read its answers, and the manager has no memory left for them");
  }
}

void Server::has_answers(ServerSession& session) {
  if (std::ranges::find(to_flush_, &session) == to_flush_.end()) to_flush_.push_back(&session);
}

std::uint32_t Server::count_starved(int change) noexcept {
  auto& starved = server_state(self_.record()).starved;
  const auto before = starved.load(std::memory_order_relaxed);
  const auto after = static_cast<std::uint32_t>(static_cast<int>(before) + change);
  // seq_cst: before the last look for room.
  starved.store(after, std::memory_order_seq_cst);
  return after;
}

// ---- The process ----

namespace {

/// The server could not begin: the owner's hello is answered with the reason.
void refuse_owner(const Connection& end, const std::exception_ptr& error) {
  const auto line = make_pipe_line(end);
  Writer body(line->writer());
  detail::write_exception(body, error, {}, current_process().name());
  const AnswerHead head{.call = first_call, .kind = AnswerKind::exception};
  line->post(std::as_bytes(std::span(&head, 1)), body.bytes());
  line->flush();
}

}  // namespace

void serve_main(ServerPlan plan, Connection first) {
  // The owner decides what Ctrl-C ends; the server ends with the owner.
  ::signal(SIGINT, SIG_IGN);
  std::optional<Connection> end(std::move(first));
  std::unique_ptr<Server> server;
  try {
    server = std::make_unique<Server>(std::move(plan), *end);
  } catch (...) {
    return refuse_owner(*end, std::current_exception());
  }
  end.reset();  // the session has it
  server->run();
}

}  // namespace royong::inline v0::manager
