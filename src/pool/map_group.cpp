// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "royong/detail/map_async.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

StateRef<MapGroup> MapGroup::create(StateRef<PoolCore> pool, TaskState& whole) {
  StateRef<MapGroup> group(new MapGroup(std::move(pool), whole));
  whole.set_engine(*group);
  group->add_reference();  // its own, until all chunks have ended: their hooks are in it
  return group;
}

MapGroup::MapGroup(StateRef<PoolCore> pool, TaskState& whole)
    : pool_(std::move(pool)), whole_(whole) {}

void MapGroup::add(StateRef<TaskState> chunk, std::size_t elements) {
  TaskState& state = *chunk;
  chunks_.push_back({std::move(chunk), elements});
  Hook& hook = hooks_.emplace_back();
  hook.group = this;
  unfinished_.fetch_add(1, std::memory_order_relaxed);
  if (state.has_ended() || !state.engine()->add_hook(state, hook)) one_ended();
}

void MapGroup::seal() { one_ended(); }

void MapGroup::give_up() noexcept {
  for (const Chunk& chunk : chunks_) {
    if (!chunk.state->has_ended()) pool_->cancel(*chunk.state);
  }
  one_ended();
}

/** Of the chunks, and of the submitter's share. Often with the pool's lock held.
 *  @return when that was all, the group's count of the whole, which keeps the group alive. With the last one of these the chunks go, and
 *  what the user put into them: so not under a lock
 */
StateRef<TaskState> MapGroup::one_ended() noexcept {
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
  const Chunk* failed = nullptr;
  for (const Chunk& chunk : chunks_) {
    if (chunk.state->ending() == Ending::value) continue;
    failed = &chunk;
    break;
  }
  end(failed == nullptr ? Ending::value : failed->state->ending(), failed);
  release();  // its own: not the last one, the whole has one
  return StateRef<TaskState>(&whole_);
}

/// Once: whoever comes second finds that it has ended.
void MapGroup::end(Ending ending, const Chunk* failed) {
  CompletionHook* hook = nullptr;
  std::vector<std::unique_ptr<Callback>> callbacks;
  {
    std::lock_guard lock(mutex_);
    if (whole_.has_ended()) return;
    failed_ = failed;
    if (TaskExtra* extra = whole_.extra_if_any()) {
      hook = std::exchange(extra->hooks, nullptr);
      callbacks = std::move(extra->callbacks);
    }
    whole_.publish(ending);
    // Under the lock: `remove_hook` returns when the hook has been called or never will be.
    while (hook != nullptr) std::exchange(hook, hook->next_hook)->completed();
  }
  for (auto& callback : callbacks) pool_->post(std::move(callback));
}

std::exception_ptr MapGroup::error() const {
  const Chunk* failed = nullptr;
  {
    std::lock_guard lock(mutex_);
    failed = failed_;
  }
  if (failed != nullptr) return failed->state->exception();
  if (whole_.ending() != Ending::cancelled) return nullptr;
  return std::make_exception_ptr(CancelledError("the map was cancelled"));
}

bool MapGroup::wait(const std::atomic<std::uint32_t>& flag, const TaskState*,
                    Timeout::Clock::time_point deadline) {
  return pool_->wait(flag, nullptr, deadline);
}

bool MapGroup::cancel(TaskState& state) {
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  // Without the first chunk there is no map: who cannot have that cancels nothing.
  if (chunks_.empty() || !pool_->cancel(*chunks_.front().state)) return false;
  for (const Chunk& chunk : chunks_) {
    if (!chunk.state->has_ended()) pool_->cancel(*chunk.state);
  }
  end(Ending::cancelled, nullptr);
  pool_->nudge();
  return state.ending() == Ending::cancelled;
}

bool MapGroup::abort(TaskState& state, Timeout grace) {
  for (const Chunk& chunk : chunks_) {
    if (!chunk.state->has_ended()) pool_->abort(*chunk.state, grace);
  }
  return !state.has_ended() || state.ending() == Ending::cancelled;
}

bool MapGroup::is_running(const TaskState& state) {
  if (state.has_ended()) return false;
  for (const Chunk& chunk : chunks_) {
    if (chunk.state->has_ended() || pool_->is_running(*chunk.state)) return true;
  }
  return false;
}

TaskProgress MapGroup::progress(const TaskState&) {
  TaskProgress now;
  for (const Chunk& chunk : chunks_) {
    now.total += chunk.elements;
    if (chunk.state->has_ended()) now.done += chunk.elements;
  }
  return now;
}

bool MapGroup::add_hook(TaskState& state, CompletionHook& hook) {
  std::lock_guard lock(mutex_);
  if (state.has_ended()) return false;
  TaskExtra& extra = state.extra();
  hook.next_hook = std::exchange(extra.hooks, &hook);
  return true;
}

void MapGroup::remove_hook(TaskState& state, CompletionHook& hook) noexcept {
  std::lock_guard lock(mutex_);
  TaskExtra* extra = state.extra_if_any();
  if (state.has_ended() || extra == nullptr) return;
  for (CompletionHook** place = &extra->hooks; *place != nullptr; place = &(*place)->next_hook) {
    if (*place != &hook) continue;
    *place = hook.next_hook;
    return;
  }
}

void MapGroup::add_callback(TaskState& state, std::unique_ptr<Callback> callback) {
  {
    std::lock_guard lock(mutex_);
    if (!state.has_ended()) {
      state.extra().callbacks.push_back(std::move(callback));
      return;
    }
  }
  pool_->post(std::move(callback));
}

}  // namespace royong::inline v0::detail
