// SPDX-License-Identifier: Apache-2.0
#include "manager/client_session.hpp"

#include <cstring>  // for std::memcpy
#include <string>   // for std::string
#include <utility>  // for std::move

#include "channel/ends.hpp"
#include "manager/sessions.hpp"
#include "manager/targets.hpp"
#include "memory/slots.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::CallHead;
using detail::Ending;
using detail::ForeignPeer;
using detail::ObjectRef;
using detail::Reader;
using detail::Reply;
using detail::Session;
using detail::StateRef;
using detail::TaskState;
using detail::Writer;
using Instant = Timeout::Clock::time_point;

namespace {

/// Bytes that a caller may leave unsent before it waits for the server.
constexpr std::size_t most_unsent = std::size_t{1} << 20;
/// Likewise while calls are kept back to be sent together.
constexpr std::size_t most_kept_back = std::size_t{64} * 1024;
/// A message of a server that this process asked for may have any length.
constexpr std::uint64_t longest_answer = std::uint64_t{1} << 40;

/// The session whose calls this thread keeps back.
thread_local const Session* kept_back_for = nullptr;

/// The number of this thread, for locks that threads own.
std::uint32_t thread_number() noexcept {
  static std::atomic<std::uint32_t> last{0};
  thread_local const std::uint32_t own = ++last;
  return own;
}

std::span<const std::byte> bytes_of(const auto& object) {
  return std::as_bytes(std::span(&object, 1));
}

}  // namespace

ClientSession::ClientSession(Connection end, ObjectRef server)
    : is_foreign_(false),
      generation_(manager::fork_generation()),
      line_(make_pipe_line(std::move(end))) {
  if (server) set_server(std::move(server));
}

ClientSession::ClientSession(std::unique_ptr<channel::Stream> stream, std::string address,
                             Timeout timeout)
    : is_foreign_(true),
      generation_(manager::fork_generation()),
      address_(std::move(address)),
      line_(make_stream_line(std::move(stream), longest_answer)) {
  // Nobody else knows the session: answered here, because the destructor cannot be left to a count that was never given away.
  Waiting waiting;
  Reply reply;
  waiting.reply = &reply;
  Lock lock(mutex_);
  const Hello hello;
  const auto call = enter({.waiting = &waiting});
  post({.verb = static_cast<std::uint32_t>(Verb::hello)}, call, bytes_of(hello));
  send();
  lock.unlock();
  if (!wait(waiting.flag, nullptr, timeout.deadline())) {
    throw TimeoutError("the manager at " + address_ + " did not answer within the time given");
  }
  if (waiting.error) std::rethrow_exception(waiting.error);
  if (waiting.kind == AnswerKind::exception) {
    Reader reader(reply.bytes(), {.foreign = true});
    detail::rethrow_exception_from(reader);
  }
  Reader reader(reply.bytes(), {.foreign = true});
  identity_ = reader.read<ServerIdentity>();
  reader.expect_end();
  enter_session(*this);
}

ClientSession::~ClientSession() {
  if (generation_ != manager::fork_generation()) {
    line_->abandon();
    // What the parent's threads may have been using is left alone.
    static_cast<void>(line_.release());
    return;
  }
  if (server_ || is_foreign_) leave_session(*this);
  close();
}

void ClientSession::set_server(ObjectRef server) {
  manager::set_server(*line_, server);
  server_ = std::move(server);
}

bool ClientSession::is_usable() const noexcept {
  return generation_ == fork_generation() && !ended_.load(std::memory_order_acquire);
}

void ClientSession::require_own_process() const {
  if (generation_ == manager::fork_generation()) return;
  throw UsageError("a call to a manager is awaited only by the process that made it");
}

void ClientSession::require_usable() const {
  if (ended_) std::rethrow_exception(end_reason_);
}

std::uint64_t ClientSession::enter(Pending pending) {
  if (free_.empty()) {
    free_.reserve(pending_.size() + 1);  // so that `leave` never allocates
    pending_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(pending_.size() - 1));
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  pending.life = pending_[place].life + 1;
  pending_[place] = pending;
  return std::uint64_t{pending.life} << 32 | (place + 1);
}

void ClientSession::leave(std::uint64_t call) noexcept {
  const auto place = static_cast<std::uint32_t>(call) - 1;
  pending_[place].waiting = nullptr;
  pending_[place].state = nullptr;
  free_.push_back(place);
}

void ClientSession::post(const CallHead& head, std::uint64_t call, std::span<const std::byte> body,
                         bool has_list) {
  const RequestHead request{.call = call,
                            .object = head.object,
                            .verb = head.verb,
                            .operation = head.operation,
                            .thread = thread_number(),
                            .flags = has_list ? has_handles : 0};
  line_->post(bytes_of(request), body);
}

void ClientSession::post(const CallHead& head, std::uint64_t call, Writer& body) {
  const bool has_list = body.pins() != 0 && body.write_handle_list();
  post(head, call, body.bytes(), has_list);
  body.commit();
}

void ClientSession::send() noexcept {
  for (;;) {
    try {
      line_->flush();
      return;
    } catch (const ArenaFull&) {
      fail_unsent(std::current_exception());
    } catch (const BrokenPipe&) {
      // What the server said last, answers or why it refuses us, is received first; behind it lies the end.
      is_broken_ = true;
      return;
    } catch (...) {
      return fail_all(reason_of_the_end());
    }
  }
}

/// The call for which there is no memory fails, and nobody else's waits for it.
void ClientSession::fail_unsent(const std::exception_ptr& error) noexcept {
  try {
    auto request = line_->take_back();
    RequestHead head;
    std::memcpy(&head, request.data(), sizeof head);
    const auto place = static_cast<std::uint32_t>(head.call) - 1;
    if (place < pending_.size() && pending_[place].life == head.call >> 32) {
      fail(pending_[place], error);
      free_.push_back(place);
      nudge();
    }
    if ((head.flags & has_handles) != 0) {
      auto body = std::span(request).subspan(sizeof head);
      detail::hold_handles(body);  // and lets go of them
    }
  } catch (...) {
    fail_all(reason_of_the_end());
  }
}

/// Until little is unsent: while the server has no room for what we send, what it sends must be received.
void ClientSession::make_room(Lock& lock) {
  const std::atomic<std::uint32_t> never{0};
  while (!ended_ && line_->unsent() > most_unsent) {
    if (has_leader_) {
      const auto key = changed_.prepare();
      lock.unlock();
      changed_.wait(key, Instant::max());
      lock.lock();
    } else {
      has_leader_ = true;
      receive(lock);
      if (!ended_ && line_->unsent() > most_unsent) {
        lock.unlock();
        try {
          line_->wait(never, Instant::max());
        } catch (const EndOfFile&) {
          lock.lock();
          fail_all(server_is_gone());
          lock.unlock();
        }
        lock.lock();
      }
      has_leader_ = false;
      changed_.notify_all();
    }
    if (!ended_) send();
  }
}

/// Who starts calls and never waits for one learns it here that nobody answers.
void ClientSession::look_for_the_end(Lock& lock) {
  if (!is_broken_ || ended_ || has_leader_) return;
  has_leader_ = true;
  receive(lock);
  has_leader_ = false;
  changed_.notify_all();
}

void ClientSession::perform(const CallHead& head, Writer& body, Reply& reply) {
  Waiting waiting;
  waiting.reply = &reply;
  add_reference();
  reply.session_ = StateRef<Session>(this);
  {
    Lock lock(mutex_);
    require_usable();
    const auto call = enter({.waiting = &waiting});
    try {
      post(head, call, body);
    } catch (...) {
      leave(call);
      throw;
    }
    send();
    if (waiting.flag.load(std::memory_order_relaxed) == 0) {
      lock.unlock();
      wait(waiting.flag, nullptr, Instant::max());
    }
  }
  if (waiting.error) std::rethrow_exception(waiting.error);
  if (waiting.kind == AnswerKind::exception) {
    const ForeignPeer::Scope scope(foreign());
    Reader reader(reply.bytes(), {.foreign = is_foreign_});
    detail::rethrow_exception_from(reader);
  }
}

void ClientSession::start(const CallHead& head, Writer& body, TaskState& state) {
  Lock lock(mutex_);
  make_room(lock);
  look_for_the_end(lock);
  require_usable();
  const auto call = enter({.state = &state, .object = head.object});
  try {
    post(head, call, body);
  } catch (...) {
    leave(call);
    throw;
  }
  state.position = call;
  state.set_engine(*this);
  if (kept_back_for == this && line_->unsent() < most_kept_back) return;
  send();
}

bool ClientSession::cancel(TaskState& state) {
  require_own_process();
  CallHead head{.verb = static_cast<std::uint32_t>(Verb::cancel)};
  {
    const Lock lock(mutex_);
    if (state.has_ended()) return state.ending() == Ending::cancelled;
    if (line_->withdraw(state.position)) {
      leave(state.position);
      complete_cancelled(state);
      nudge();
      return true;
    }
    head.object = pending_[static_cast<std::uint32_t>(state.position) - 1].object;
  }
  try {
    Writer body(line_->writer());
    body.write_plain(state.position);
    Reply reply;
    perform(head, body, reply);
  } catch (const EndOfFile&) {
    // So has the call.
  }
  // Its answer, if it waited, came before that to the cancellation.
  const Lock lock(mutex_);
  if (Pending* const pending = pending_of(state)) pending->has_begun = true;
  return state.ending() == Ending::cancelled;
}

bool ClientSession::is_running(const TaskState& state) {
  const Lock lock(mutex_);
  const Pending* const pending = pending_of(state);
  return pending != nullptr && pending->has_begun;
}

/// Its entry; null: it has ended.
ClientSession::Pending* ClientSession::pending_of(const TaskState& state) noexcept {
  Pending& pending = pending_[static_cast<std::uint32_t>(state.position) - 1];
  return pending.state == &state ? &pending : nullptr;
}

void ClientSession::keep_back(bool keep) noexcept { kept_back_for = keep ? this : nullptr; }

void ClientSession::flush() {
  Lock lock(mutex_);
  send();
  look_for_the_end(lock);
  require_usable();
}

void ClientSession::notify(const CallHead& head, std::span<const std::byte> body) {
  const Lock lock(mutex_);
  if (ended_) return;
  post(head, 0, body);
  send();
}

void ClientSession::greet(Reply* welcome) {
  const CallHead head{.verb = static_cast<std::uint32_t>(Verb::hello)};
  const Hello hello{.owner = memory::self().bits};
  if (welcome == nullptr) return notify(head, bytes_of(hello));
  Writer body(line_->writer());
  body.write_plain(hello);
  perform(head, body, *welcome);
}

void ClientSession::close() noexcept {
  Lock lock(mutex_);
  if (ended_) return;
  try {
    post({.verb = static_cast<std::uint32_t>(Verb::bye)}, 0, {});
    line_->flush();
  } catch (const std::exception&) {
    // The server sees the end of the line.
  }
  fail_all(std::make_exception_ptr(
      EndOfFile("the session with the manager was closed in this process")));
}

// ---- Objects of another program's server ----

void ClientSession::write(Writer& out, const detail::TargetRef& target) {
  const auto* remote = dynamic_cast<const RemoteTarget*>(target.get());
  if (remote == nullptr || &remote->session_of() != this) {
    out.fail("a proxy can go to another program only if its object is of the manager there");
  }
  out.write_plain(remote->id());
}

detail::TargetRef ClientSession::read(Reader& in, std::uint64_t) {
  std::uint64_t id = 0;
  in.read_plain(id);
  add_reference();
  return std::make_shared<RemoteTarget>(StateRef<ClientSession>(this), id);
}

}  // namespace royong::inline v0::manager
