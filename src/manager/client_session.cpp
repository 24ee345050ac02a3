// SPDX-License-Identifier: Apache-2.0
#include "manager/client_session.hpp"

#include <pthread.h>

#include <cstring>  // for std::memcpy
#include <string>   // for std::string
#include <thread>   // for std::thread
#include <utility>  // for std::exchange

#include "channel/ends.hpp"
#include "logging/log.hpp"
#include "manager/sessions.hpp"
#include "manager/targets.hpp"
#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/quiet_thread.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::AnswerSink;
using detail::CallHead;
using detail::Ending;
using detail::ForeignPeer;
using detail::ObjectKind;
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

std::exception_ptr server_is_gone() {
  return std::make_exception_ptr(EndOfFile("the manager's server is gone"));
}

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

void ClientSession::send() {
  try {
    line_->flush();
  } catch (const BrokenPipe&) {
    fail_all(server_is_gone());
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
    try {
      send();
    } catch (...) {
      // It waits in the line, and may be sent by and by: nobody waits for its answer.
      leave(call);
      throw;
    }
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
  require_usable();
  make_room(lock);
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
  try {
    send();
  } catch (const ArenaFull& error) {
    // It is in the line still, and leaves with the next call.
    detail::warn("a call to a manager waits for memory: {}", error.what());
  }
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
  return state.ending() == Ending::cancelled;
}

void ClientSession::keep_back(bool keep) noexcept { kept_back_for = keep ? this : nullptr; }

void ClientSession::flush() {
  const Lock lock(mutex_);
  require_usable();
  send();
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

// ---- Answers ----

void ClientSession::message(std::span<const std::byte> bytes) {
  AnswerHead head;
  if (bytes.size() < sizeof head) throw TransferError("malformed answer: it has no head");
  std::memcpy(&head, bytes.data(), sizeof head);
  const Lock lock(mutex_);
  hand_out(head, bytes.subspan(sizeof head));
}

void ClientSession::hand_out(const AnswerHead& head, std::span<const std::byte> body) {
  const auto place = static_cast<std::uint32_t>(head.call) - 1;
  const auto life = static_cast<std::uint32_t>(head.call >> 32);
  if (head.kind < AnswerKind::value || head.kind > AnswerKind::cancelled) {
    throw TransferError("malformed answer: of unknown kind");
  }
  // One that nobody waits for any more: its call could not be sent at once.
  if (place >= pending_.size() || pending_[place].life != life) return;
  const Pending pending = pending_[place];
  if (pending.waiting == nullptr && pending.state == nullptr) return;
  if (head.kind == AnswerKind::cancelled) {
    // Only what has a future is ever cancelled.
    if (pending.state == nullptr) throw TransferError("malformed answer: to another call");
    leave(head.call);
    return complete_cancelled(*pending.state);
  }
  const bool has_list = (head.flags & has_handles) != 0 && !is_foreign_;
  if (pending.waiting != nullptr) {
    Waiting& waiting = *pending.waiting;
    auto room = waiting.reply->make_room(body.size());
    if (!body.empty()) std::memcpy(room.data(), body.data(), body.size());
    if (has_list) {
      waiting.reply->handles_ = detail::hold_handles(room);
      waiting.reply->shrink(room.size());
    }
    waiting.kind = head.kind;
    leave(head.call);
    waiting.flag.store(1, std::memory_order_release);
    return;
  }
  TaskState& state = *pending.state;
  std::byte* to = state.make_result(body.size());
  if (!body.empty()) std::memcpy(to, body.data(), body.size());
  if (has_list) {
    auto room = std::span(to, body.size());
    state.extra().handles = detail::hold_handles(room);
  }
  leave(head.call);
  complete(state, head.kind == AnswerKind::value ? Ending::value : Ending::exception);
}

void ClientSession::complete_cancelled(TaskState& state) noexcept {
  state.extra().error = std::make_exception_ptr(CancelledError("the call was cancelled"));
  complete(state, Ending::cancelled);
}

void ClientSession::complete(TaskState& state, Ending ending) noexcept {
  detail::CompletionHook* hook = nullptr;
  std::vector<std::unique_ptr<detail::Callback>> callbacks;
  if (auto* extra = state.extra_if_any()) {
    hook = std::exchange(extra->hooks, nullptr);
    callbacks = std::move(extra->callbacks);
    if (hook != nullptr || !callbacks.empty()) --wanted_;
  }
  state.publish(ending);
  while (hook != nullptr) std::exchange(hook, hook->next_hook)->completed();
  for (auto& callback : callbacks) callbacks_.push_back(std::move(callback));
  if (!callbacks_.empty()) need_driver();
  state.release();
}

void ClientSession::fail_all(const std::exception_ptr& error) noexcept {
  if (ended_) return;
  end_reason_ = error;
  ended_ = true;
  for (auto& pending : pending_) {
    const Pending lost = std::exchange(pending, {.life = pending.life});
    if (lost.waiting != nullptr) {
      lost.waiting->error = error;
      lost.waiting->flag.store(1, std::memory_order_release);
    } else if (lost.state != nullptr) {
      lost.state->extra().error = error;
      complete(*lost.state, Ending::error);
    }
  }
  changed_.notify_all();
  line_->wake();
  rest_.store(1);
}

// ---- Waiting ----

/// Takes what is there; the lock is open meanwhile. The caller leads.
void ClientSession::receive(Lock& lock) {
  lock.unlock();
  std::exception_ptr reason;
  try {
    if (line_->may_receive()) line_->receive(64, *this);
  } catch (const EndOfFile&) {
    reason = server_is_gone();
  } catch (const AuthenticationError&) {
    reason = std::current_exception();
  } catch (const std::exception& error) {
    reason = std::make_exception_ptr(
        EndOfFile(std::string("the session with the manager has ended: ") + error.what()));
  }
  lock.lock();
  if (reason) fail_all(reason);
}

void ClientSession::lead(Lock& lock, const std::atomic<std::uint32_t>& flag, Instant deadline) {
  const auto is_set = [&] { return flag.load(std::memory_order_acquire) != 0; };
  while (!is_set() && !ended_) {
    receive(lock);
    // Others may have got what they wait for.
    changed_.notify_all();
    if (is_set() || ended_) return;
    if (line_->unsent() != 0) send();
    if (deadline != Instant::max() && Timeout::Clock::now() >= deadline) return;
    lock.unlock();
    bool is_gone = false;
    try {
      line_->wait(flag, deadline);
    } catch (const EndOfFile&) {
      is_gone = true;
    }
    lock.lock();
    if (is_gone) fail_all(server_is_gone());
  }
}

bool ClientSession::wait(const std::atomic<std::uint32_t>& flag, const TaskState*,
                         Instant deadline) {
  require_own_process();
  const auto is_set = [&] { return flag.load(std::memory_order_acquire) != 0; };
  Lock lock(mutex_);
  if (!ended_ && line_->unsent() != 0) send();
  for (;;) {
    if (is_set()) return true;
    if (ended_) {
      // Nothing comes any more; the flag may be another engine's.
      const auto key = changed_.prepare();
      lock.unlock();
      if (is_set() || !changed_.wait(key, deadline)) return is_set();
      lock.lock();
      continue;
    }
    if (!has_leader_) {
      has_leader_ = true;
      lead(lock, flag, deadline);
      has_leader_ = false;
      changed_.notify_all();
      if (is_set()) return true;
      if (ended_) continue;
      return false;
    }
    const auto key = changed_.prepare();
    lock.unlock();
    if (is_set()) return true;
    if (!changed_.wait(key, deadline)) return is_set();
    lock.lock();
  }
}

void ClientSession::receive_rest(Instant deadline) {
  const std::atomic<std::uint32_t> never{0};
  Lock lock(mutex_);
  while (!ended_ && Timeout::Clock::now() < deadline) {
    if (!has_leader_) {
      has_leader_ = true;
      lead(lock, never, deadline);
      has_leader_ = false;
      changed_.notify_all();
      continue;
    }
    const auto key = changed_.prepare();
    lock.unlock();
    changed_.wait(key, deadline);
    lock.lock();
  }
}

void ClientSession::nudge() noexcept {
  changed_.notify_all();
  line_->wake();
}

bool ClientSession::add_hook(TaskState& state, detail::CompletionHook& hook) {
  const Lock lock(mutex_);
  if (state.has_ended()) return false;
  auto& extra = state.extra();
  if (extra.hooks == nullptr && extra.callbacks.empty()) ++wanted_;
  hook.next_hook = std::exchange(extra.hooks, &hook);
  need_driver();
  return true;
}

void ClientSession::remove_hook(TaskState& state, detail::CompletionHook& hook) noexcept {
  const Lock lock(mutex_);
  auto* extra = state.extra_if_any();
  if (extra == nullptr) return;
  for (auto** place = &extra->hooks; *place != nullptr; place = &(*place)->next_hook) {
    if (*place != &hook) continue;
    *place = hook.next_hook;
    if (extra->hooks == nullptr && extra->callbacks.empty()) --wanted_;
    return;
  }
}

void ClientSession::add_callback(TaskState& state, std::unique_ptr<detail::Callback> callback) {
  const Lock lock(mutex_);
  if (state.has_ended()) {
    callbacks_.push_back(std::move(callback));
  } else {
    auto& extra = state.extra();
    if (extra.hooks == nullptr && extra.callbacks.empty()) ++wanted_;
    extra.callbacks.push_back(std::move(callback));
  }
  need_driver();
}

/// Sees to it that the session's own thread runs, which leads while nobody else does.
void ClientSession::need_driver() {
  rest_.store(0);
  if (has_driver_) {
    changed_.notify_all();
    return;
  }
  add_reference();
  try {
    os::start_quiet_thread([self = StateRef<ClientSession>(this)] { self->drive(); }).detach();
    has_driver_ = true;
  } catch (const std::exception& error) {
    detail::warn("no thread for the callbacks of a manager's calls: {}", error.what());
  }
}

void ClientSession::drive() {
  Lock lock(mutex_);
  for (;;) {
    run_callbacks(lock);
    if (wanted_ != 0 && !ended_ && !has_leader_) {
      has_leader_ = true;
      rest_.store(0);
      // Until a callback is due, or somebody takes the lead from us who waits himself.
      lead(lock, rest_, Timeout::Clock::now() + sync::slice);
      has_leader_ = false;
      changed_.notify_all();
      continue;
    }
    const auto key = changed_.prepare();
    if (!callbacks_.empty()) continue;
    lock.unlock();
    changed_.wait(key, Instant::max());
    lock.lock();
    // One slice without anything to do is the end of the thread.
    if (callbacks_.empty() && (wanted_ == 0 || ended_)) {
      has_driver_ = false;
      return;
    }
  }
}

void ClientSession::run_callbacks(Lock& lock) {
  while (!callbacks_.empty()) {
    auto callback = std::move(callbacks_.front());
    callbacks_.pop_front();
    lock.unlock();
    try {
      callback->run();
    } catch (const std::exception& error) {
      detail::log(LogLevel::error, "a callback of a future failed: {}", error.what());
    } catch (...) {
      detail::log(LogLevel::error, "a callback of a future failed");
    }
    callback.reset();
    lock.lock();
  }
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
