// SPDX-License-Identifier: Apache-2.0
// How answers reach those who wait for them: who receives, who follows, and who is called back.
#include <cstring>  // for std::memcpy
#include <string>   // for std::string
#include <utility>  // for std::exchange

#include "logging/log.hpp"
#include "manager/client_session.hpp"
#include "os/quiet_thread.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::Ending;
using detail::StateRef;
using detail::TaskState;
using Instant = Timeout::Clock::time_point;

std::exception_ptr server_is_gone() {
  return std::make_exception_ptr(
      EndOfFile("the manager's server is gone, or has hung up: then its log says why"));
}

std::exception_ptr reason_of_the_end() noexcept {
  try {
    throw;
  } catch (const EndOfFile&) {
    return server_is_gone();
  } catch (const AuthenticationError&) {
    return std::current_exception();
  } catch (const std::exception& error) {
    return std::make_exception_ptr(
        EndOfFile(std::string("the session with the manager has ended: ") + error.what()));
  }
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

void ClientSession::fail(Pending& pending, const std::exception_ptr& error) noexcept {
  const Pending lost = std::exchange(pending, {.life = pending.life});
  if (lost.waiting != nullptr) {
    lost.waiting->error = error;
    lost.waiting->flag.store(1, std::memory_order_release);
  } else if (lost.state != nullptr) {
    lost.state->extra().error = error;
    complete(*lost.state, Ending::error);
  }
}

void ClientSession::fail_all(const std::exception_ptr& error) noexcept {
  if (ended_) return;
  end_reason_ = error;
  ended_ = true;
  for (auto& pending : pending_) fail(pending, error);
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
  } catch (...) {
    reason = reason_of_the_end();
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

}  // namespace royong::inline v0::manager
