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
#include "manager/snapshot.hpp"
#include "manager/targets.hpp"
#include "manager/types.hpp"
#include "memory/objects.hpp"
#include "royong/detail/exception.hpp"
#include "royong/detail/function_id.hpp"
#include "royong/error.hpp"
#include "royong/process.hpp"
#include "sync/spin.hpp"

namespace royong::inline v0::manager {

using detail::IncomingCall;
using detail::ObjectKind;
using detail::ObjectRef;
using detail::Reader;
using detail::ServedObject;
using detail::TargetRef;
using detail::Writer;
using Instant = Timeout::Clock::time_point;

namespace {

thread_local Server* current_server = nullptr;

constexpr int spin_rounds = 200;
/// Every so many turns those sessions are looked at too that were quiet.
constexpr std::uint64_t turns_between_looks = 32;

// Keys of entries in epoll: above the numbers of sessions.
constexpr std::uint64_t watch_key = ~std::uint64_t{0};
constexpr std::uint64_t acceptor_key = watch_key - 1;

std::uint32_t place_of(std::uint64_t id) noexcept { return static_cast<std::uint32_t>(id); }
std::uint32_t life_of(std::uint64_t id) noexcept { return static_cast<std::uint32_t>(id >> 32); }

void require_family(const ServerSession* from) {
  if (from != nullptr && from->is_foreign()) {
    throw UsageError("this is for the manager's own program alone");
  }
}

}  // namespace

Server* Server::current() noexcept { return current_server; }

Server::Server(ServerPlan plan, Connection first) : plan_(std::move(plan)) {
  current_server = this;
  self_ = ObjectRef::create(ObjectKind::manager);
  ServerState& state = server_state(self_.record());
  state.owner = memory::self().bits;
  {
    auto [reader, writer] = Pipe(false);
    const ObjectRef object = detail::HandleAccess::object(writer);
    memory::pin(object, memory::owner_of_object(self_.record()));
    state.door = object.name();
    door_ = std::move(reader);
    writer.close();  // here; the record keeps it for the others
  }
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
  // Objects may hold proxies of others: their ends come through the graveyard, which nobody needs any more.
  entries_.clear();
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
  if (!plan_.options.snapshot.empty()) save();
  // What was answered last, the shutdown above all, has left when the pipes hang up: a reader gets what was sent before the end.
  for (auto& session : sessions_) session->flush();
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
    worked = clear_graves() || worked;
    if (epoll_) worked = serve_sockets(Instant::min()) || worked;
  }
  if (timers_.size() != 0) worked = run_timers() || worked;
  while (!to_flush_.empty()) {
    auto flushed = std::exchange(to_flush_, {});
    for (ServerSession* session : flushed) session->flush();
  }
  end_sessions();
  return worked;
}

bool Server::serve_sockets(Instant until) {
  std::array<epoll_event, 64> room;
  bool worked = false;
  for (const auto& event : epoll_->wait(room, until)) {
    if (event.data.u64 == watch_key) continue;  // who posted is found by the next turn
    if (event.data.u64 == acceptor_key) {
      accept_foreign();
      worked = true;
      continue;
    }
    const auto found = std::ranges::find(sessions_, event.data.u64,
                                         [](const auto& session) { return session->id(); });
    if (found == sessions_.end()) continue;
    ServerSession& session = **found;
    worked = session.serve() || worked;
    watch_socket(session);
  }
  return worked;
}

/// A session that has something unsent is not read: what its socket should tell then is that there is room.
void Server::watch_socket(ServerSession& session) {
  if (session.has_ended() || session.line().fd() < 0) return;
  epoll_->modify(session.line().fd(), session.is_starved() ? EPOLLOUT : EPOLLIN, session.id());
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

bool Server::clear_graves() {
  ServerState& state = server_state(self_.record());
  bool worked = false, all = false;
  while (const auto id = next_grave(state, all)) {
    remove(id);
    worked = true;
  }
  if (!all) return worked;
  for (std::uint32_t place = 0; place < entries_.size(); ++place) {
    const Entry& entry = entries_[place];
    if (entry.object && is_gone(entry.name, *entry.record)) {
      remove(std::uint64_t{entry.life} << 32 | place);
    }
  }
  return true;
}

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
      epoll_->add(session->line().fd(), EPOLLIN, session->id());
      add_session(std::move(session));
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
  for (auto& entry : entries_) {
    if (entry.object) entry.object->forget(session.id());
  }
  clear_graves();
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

// ---- Objects ----

Server::Entry& Server::entry(std::uint64_t id) {
  const auto place = place_of(id);
  if (place >= entries_.size() || entries_[place].life != life_of(id) || !entries_[place].object) {
    throw TransferError("the manager has no such object: it is gone");
  }
  return entries_[place];
}

TargetRef Server::add(std::unique_ptr<ServedObject> object) {
  if (objects_ >= static_cast<std::size_t>(std::max(limits().objects, 1))) {
    throw UsageError("the manager has as many objects as it may have; see ManagerLimits::objects");
  }
  auto ref = ObjectRef::create(ObjectKind::managed, object->type().hash);
  if (free_.empty()) {
    free_.reserve(entries_.size() + 1);  // so that `remove` never allocates
    entries_.emplace_back();
    // Lives begin with 1: no number is 0.
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  const auto place = free_.back();
  ManagedState& state = managed_state(ref.record());
  // The pin first: it goes with the record if this fails in the middle. Without `server_record` the end of the record tells nobody.
  memory::pin(self_, memory::owner_of_object(ref.record()));
  Entry& entry = entries_[place];
  state.id = std::uint64_t{entry.life + 1} << 32 | place;
  state.server = self_.name();
  state.server_record = memory::offset_of(&self_.record());
  ++entry.life;
  entry.object = std::move(object);
  entry.name = ref.name();
  entry.record = &ref.record();
  free_.pop_back();
  ++objects_;
  return std::make_shared<LocalTarget>(std::move(ref));
}

void Server::remove(std::uint64_t id) {
  const auto place = place_of(id);
  if (place >= entries_.size() || entries_[place].life != life_of(id)) return;
  // Out of the table before it ends: what its end runs may come here again.
  const auto object = std::move(entries_[place].object);
  if (!object) return;
  free_.push_back(place);
  --objects_;
}

ObjectRef Server::object(std::uint64_t id) {
  Entry& found = entry(id);
  return ObjectRef::acquire(found.name, ObjectKind::managed, found.object->type().hash);
}

std::uint64_t Server::number_of(const TargetRef& target) {
  const auto* local = dynamic_cast<const LocalTarget*>(target.get());
  return local != nullptr && is(local->server()) ? local->id() : 0;
}

void Server::forget_own(std::uint64_t id) noexcept {
  const auto place = place_of(id);
  if (place < entries_.size() && entries_[place].object) {
    entries_[place].object->forget(own_session_id);
  }
}

// ---- Requests ----

void Server::handle(const RequestHead& head, Reader& in, detail::AnswerSink& sink,
                    ServerSession* from) noexcept {
  const detail::SessionId id = from != nullptr ? from->id() : own_session_id;
  IncomingCall call(in, sink, head.call, {id, head.thread});
  if (from != nullptr && from->is_refused()) {
    if (head.call == 0) return;
    sink.fail(head.call,
              std::make_exception_ptr(UsageError(
                  "the manager has as many clients as it may have; see ManagerLimits::sessions")),
              {});
    return from->end_soon();
  }
  if (from != nullptr && !from->is_greeted() &&
      head.verb != static_cast<std::uint32_t>(Verb::hello)) {
    return from->end("it did not say hello");
  }
  struct Bound {
    Server& server;
    const RequestHead& head;
    ServerSession* from;
  } bound{*this, head, from};
  call.run(
      [](void* context, IncomingCall& incoming) {
        const auto& it = *static_cast<Bound*>(context);
        it.server.run_verb(it.head, incoming, it.from);
      },
      &bound);
}

void Server::run_verb(const RequestHead& head, IncomingCall& call, ServerSession* from) {
  const auto object_to_use = [&]() -> ServedObject& {
    if (from != nullptr && !from->may_use(head.object)) {
      throw TransferError("the manager has no such object: it is gone");
    }
    if (call.owed() > static_cast<std::size_t>(std::max(limits().waiting_calls, 1))) {
      throw UsageError(
          "the client has as many waiting calls as it may have; see ManagerLimits::waiting_calls");
    }
    return *entry(head.object).object;
  };
  switch (static_cast<Verb>(head.verb)) {
    case Verb::hello: return answer_hello(call, from);
    case Verb::call: {
      ServedObject& object = object_to_use();
      const auto operation = operation_of(object, head.operation);
      changed_ = true;
      return operation(object, call);
    }
    case Verb::function: {
      require_family(from);
      ServedObject& object = object_to_use();
      detail::FunctionId id;
      call.in().read_plain(id.bits);
      changed_ = true;
      return reinterpret_cast<detail::ServedOperation>(detail::resolve(id))(object, call);
    }
    case Verb::create: return create(call, from);
    case Verb::release: {
      std::uint64_t count = 0;
      call.in().read_plain(count);
      if (from != nullptr) from->release(head.object, count);
      return call.reply();
    }
    case Verb::publish: require_family(from); return publish(call);
    case Verb::unpublish: {
      require_family(from);
      const auto found = published_.find(detail::decode<std::string>(call.in()));
      const bool was_there = found != published_.end();
      if (was_there) published_.erase(found);
      changed_ = true;
      return call.reply(was_there);
    }
    case Verb::find: return find(call, from);
    case Verb::names: {
      std::vector<std::string> names;
      for (const auto& [name, object] : published_) names.push_back(name);
      return call.reply(names);
    }
    case Verb::snapshot:
      require_family(from);
      if (plan_.options.snapshot.empty()) {
        throw UsageError("the manager was told no file for its snapshot");
      }
      save();
      return call.reply();
    case Verb::shutdown:
      require_family(from);
      call.reply();
      ending_ = true;
      return;
    case Verb::bye:
      if (from != nullptr) from->end({});
      return call.reply();
  }
  throw TransferError("malformed request: unknown verb " + std::to_string(head.verb));
}

void Server::answer_hello(IncomingCall& call, ServerSession* from) {
  Hello hello;
  call.in().read_plain(hello);
  call.in().expect_end();
  if (from == nullptr) return;
  if (hello.magic != protocol_magic) {
    throw TransferError("what came is no manager's client");
  }
  if (hello.version != protocol_version) {
    throw TransferError("the manager speaks version " + std::to_string(protocol_version) +
                        " of its protocol, the client version " + std::to_string(hello.version));
  }
  from->greet(from->is_foreign() ? memory::Owner{} : memory::Owner{hello.owner});
  if (from->is_foreign()) return call.reply();
  call.reply(Welcome{self_, address_});
}

void Server::create(IncomingCall& call, ServerSession* from) {
  detail::Creator creator = nullptr;
  if (from != nullptr && from->is_foreign()) {
    creator = foreign_creator(call.in());
  } else {
    detail::FunctionId id;
    call.in().read_plain(id.bits);
    creator = reinterpret_cast<detail::Creator>(detail::resolve(id));
  }
  const TargetRef target = add(creator(call.in()));
  call.reply(TargetReply{target});
}

void Server::publish(IncomingCall& call) {
  auto name = detail::decode<std::string>(call.in());
  const auto id = detail::decode<std::uint64_t>(call.in());
  call.in().expect_end();
  const auto [place, is_new] = published_.try_emplace(std::move(name), object(id));
  if (!is_new)
    throw UsageError("there is an object with the name \"" + place->first + "\" already");
  changed_ = true;
  call.reply();
}

void Server::find(IncomingCall& call, ServerSession* from) {
  const auto wanted = detail::decode<Wanted>(call.in());
  call.in().expect_end();
  const auto found = published_.find(wanted.name);
  if (found == published_.end()) {
    throw std::out_of_range("the manager has no object with the name \"" + wanted.name + "\"");
  }
  const ServedObject& object = *entry(managed_state(found->second.record()).id).object;
  const bool is_foreign = from != nullptr && from->is_foreign();
  FoundReply reply{std::make_shared<LocalTarget>(found->second), match(wanted, object, is_foreign)};
  call.reply(reply);
}

// ---- Snapshots ----

void Server::restore() {
  for (auto& [name, object] :
       read_snapshot(plan_.options.snapshot, [this](auto made) { return add(std::move(made)); })) {
    published_.emplace(name, object->object());
  }
}

void Server::save() {
  changed_ = false;
  std::vector<std::pair<std::string, std::uint64_t>> names;
  for (const auto& [name, object] : published_) {
    names.emplace_back(name, managed_state(object.record()).id);
  }
  write_snapshot(
      plan_.options.snapshot, names,
      [this](std::uint64_t id) -> const ServedObject& { return *entry(id).object; },
      [this](const TargetRef& target) { return number_of(target); });
}

void Server::schedule_snapshot() {
  const Timeout every = plan_.options.snapshot_every;
  if (every.is_forever()) return;
  timers_.add(every.deadline(), [this] {
    schedule_snapshot();
    if (!changed_) return;
    try {
      save();
    } catch (const std::exception& error) {
      changed_ = true;
      detail::log(LogLevel::error, "{}", error.what());
    }
  });
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
