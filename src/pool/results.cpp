// SPDX-License-Identifier: Apache-2.0
// What a pool gives to its workers' rings, and what it takes from them.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "pool/core.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

/// The call back from the ring to the task: the entry's bytes are about to become something else.
void save_call(const TaskEntry& entry, TaskState& state) {
  if ((entry.flags & EntryFlag::by_block) != 0) return;
  state.extra().call.assign(entry.payload(), entry.payload() + entry.call_length());
}

}  // namespace

bool PoolImpl::give(std::uint32_t worker, Task& task) {
  Link& link = links_[worker];
  if (link.memory == nullptr) return false;
  auto& state = static_cast<TaskState&>(task);
  TaskExtra* extra = state.extra_if_any();
  std::uint32_t flags = task.timed ? EntryFlag::timed : 0;
  std::string_view name;  // for the trace
  TaskState* const here = &state;
  BlockRange range{};
  std::span<const std::byte> call;
  if (plan_.threads) {
    call = std::as_bytes(std::span(&here, 1));
  } else if (extra != nullptr && extra->call_length != 0) {
    range = {extra->blocks.back().offset(), extra->call_length};
    call = std::as_bytes(std::span(&range, 1));
    flags |= EntryFlag::by_block;
  } else if (&state == submitted_) {
    call = submitted_call_;
  } else if (extra != nullptr) {
    call = extra->call;
  }
  if (trace_) {
    if (extra != nullptr) name = std::string_view(extra->name).substr(0, max_task_name);
    flags |= EntryFlag::traced | (static_cast<std::uint32_t>(name.size()) << EntryFlag::name_shift);
  }
  TaskEntry* entry = link.tasks.reserve(static_cast<std::uint32_t>(call.size() + name.size()));
  if (entry == nullptr) return false;
  if (plan_.threads) state.add_reference();  // the ring's
  task.sequence = ++sequence_;
  task.position = link.tasks.position();
  task.end = link.tasks.end();
  entry->flags = flags;
  entry->sequence = task.sequence;
  std::memcpy(entry->payload(), call.data(), call.size());
  if (!name.empty()) std::memcpy(entry->payload() + call.size(), name.data(), name.size());
  link.tasks.publish();
  ring_worker(link);
  if (extra != nullptr && !extra->call.empty()) std::vector<std::byte>().swap(extra->call);
  return true;
}

void PoolImpl::ring_worker(Link& link) noexcept { link.memory->bed.events.notify_one(); }

bool PoolImpl::take_back(std::uint32_t worker, Task& task) {
  TaskEntry& entry = links_[worker].tasks.entry_at(task.position);
  if (!withdraw(entry)) return false;
  auto& state = static_cast<TaskState&>(task);
  if (plan_.threads) {
    state.release();  // the ring's count; the engine's is there still
  } else {
    save_call(entry, state);
  }
  return true;
}

/// A thread has ended: what it never began is its ring's no more.
void PoolImpl::drop_ring(Link& link) {
  std::uint64_t position = link.memory->worker.tasks_head.load(std::memory_order_acquire);
  while (position < link.tasks.end()) {
    TaskEntry& entry = link.tasks.entry_at(position);
    const bool is_task = (entry.flags & (EntryFlag::padding | EntryFlag::stop)) == 0;
    if (is_task && withdraw(entry)) {
      TaskState* state = nullptr;
      std::memcpy(static_cast<void*>(&state), entry.payload(), sizeof(TaskState*));
      state->release();
    }
    position += round_up(sizeof(TaskEntry) + entry.length, task_alignment);
  }
}

bool PoolImpl::had_begun(std::uint32_t worker, const Task& task, std::uint32_t& element) {
  TaskEntry& entry = links_[worker].tasks.entry_at(task.position);
  element = entry.element.load(std::memory_order_relaxed);
  const auto& state = static_cast<const TaskState&>(task);
  const bool begun = entry.state.load(std::memory_order_acquire) == EntryState::running;
  if (!plan_.threads) save_call(entry, const_cast<TaskState&>(state));
  if (begun && trace_) {
    trace_.task(worker, state.extra_if_any() != nullptr ? state.extra_if_any()->name : "",
                task.sequence, entry.began.load(std::memory_order_relaxed), now_ns(),
                task.timed_out ? "TimeoutError"
                : task.aborted ? "CancelledError"
                               : "WorkerDied",
                dead_pid_);
  }
  return begun;
}

void PoolImpl::stop_worker(std::uint32_t worker) {
  Link& link = links_[worker];
  if (link.memory == nullptr) return;  // its start fails
  TaskEntry* entry = link.tasks.reserve(0);
  link.stop_unsent = entry == nullptr;
  if (entry == nullptr) return;
  entry->flags = EntryFlag::stop;
  entry->sequence = 0;
  link.tasks.publish();
  ring_worker(link);
}

/// Reads all results, gives out what waits. @return whether there were any results
bool PoolImpl::pump() {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    if (links_[i].memory == nullptr) continue;
    if (links_[i].results.has_news()) count += drain(i);
    if (links_[i].stop_unsent) stop_worker(i);
  }
  if (!scheduler_.backlog().empty()) scheduler_.dispatch();
  if (!to_start_.empty()) ask_driver();
  if (count != 0) wake_followers();
  return count != 0;
}

std::uint32_t PoolImpl::drain(std::uint32_t worker) {
  std::uint32_t count = 0;
  ResultConsumer& results = links_[worker].results;
  ResultHeader header;
  bool is_waited_for = false;
  for (;; ++count) {
    const auto look = results.peek(header);
    if (look == ResultConsumer::Look::nothing) break;
    if (look == ResultConsumer::Look::nonsense || !take_result(worker, header)) {
      log(LogLevel::error, "a worker of the pool wrote over its ring: it is killed");
      send(links_[worker], SIGKILL);
      break;
    }
    results.skip(header);
    is_waited_for |= static_cast<ResultKind>(header.kind) == ResultKind::piece;
  }
  if (count == 0) return 0;
  results.release();
  if (is_waited_for) ring_worker(links_[worker]);
  scheduler_.drained(worker, count, scheduler_.wants_time(worker) ? now_ns() : 0);
  return count;
}

/// @return false: it makes no sense
bool PoolImpl::take_result(std::uint32_t worker, const ResultHeader& header) {
  if (header.sequence == 0) {
    take_news(worker, header);
    return true;
  }
  if (static_cast<ResultKind>(header.kind) == ResultKind::piece)
    return take_piece(links_[worker], header);
  Task* task = scheduler_.completed(worker, header.sequence);
  if (task == nullptr) return scheduler_.mode() == Scheduler::Mode::terminated;
  auto& state = static_cast<TaskState&>(*task);
  try {
    if (task->aborted) {
      // Thrown away: what lies in a block ends with the channel.
    } else if (plan_.threads) {
      if (static_cast<ResultKind>(header.kind) == ResultKind::exception)
        std::rethrow_exception(state.take_error());
      from_worker_ = true;
    } else if (static_cast<ResultKind>(header.kind) == ResultKind::arena_full) {
      throw ArenaFull("the result of " + state.label() + " is longer than the arena's quota");
    } else {
      store_result(state, links_[worker], header);
      from_worker_ = true;
    }
  } catch (...) {
    state.extra().error = std::current_exception();
  }
  scheduler_.end(*task, static_cast<ResultKind>(header.kind) == ResultKind::value && from_worker_
                            ? TaskPhase::done
                            : TaskPhase::failed);
  from_worker_ = false;
  return true;
}

void PoolImpl::store_result(TaskState& state, Link& link, const ResultHeader& header) {
  std::span<std::byte> result;
  if (header.placement == ResultPlacement::here) {
    result = {state.make_result(header.length), header.length};
    link.results.copy(header, result.data());
  } else if (header.placement == ResultPlacement::in_pieces) {
    Pieces pieces = std::exchange(link.pieces, {});
    if (pieces.error) std::rethrow_exception(pieces.error);
    if (pieces.filled != pieces.length || pieces.length == 0)
      throw TransferError("the result of " + state.label() + " has not come as a whole");
    result = {pieces.bytes.get(), pieces.length};
    state.adopt_result(std::move(pieces.bytes), pieces.length);
  } else {
    BlockRange range;
    link.results.copy(header, &range);
    if (memory::block(range.offset).size() < range.length ||
        memory::owner_of(range.offset) != link.channel.owner())
      throw TransferError("the result of " + state.label() +
                          " lies in a block that is not the worker's");
    result = memory::block(range.offset).first(range.length);
    const auto usage = memory::arena_usage();
    if (usage.used < usage.quota / 2) {
      memory::set_owner(range.offset, memory::self());
      state.adopt_result(range.offset, range.length);
    } else {  // what nobody has read yet leaves the other half to what is on its way
      std::byte* const here = state.make_result(range.length);
      std::memcpy(here, result.data(), result.size());
      memory::free_block(range.offset);
      result = {here, result.size()};
    }
  }
  // From the channel to the task: so they live until the future has been read, or is dropped.
  if (header.has_handles != 0) state.extra().handles = hold_handles(result);
}

/// @return false: it makes no sense
bool PoolImpl::take_piece(Link& link, const ResultHeader& header) {
  Pieces& pieces = link.pieces;
  std::byte payload[ResultProducer::max_payload];
  if (header.length > sizeof payload) return false;
  if (header.length == 0) {
    pieces = {};  // of a task that was aborted, say
    return true;
  }
  link.results.copy(header, payload);
  std::span<const std::byte> bytes(payload, header.length);
  if (pieces.length == 0) {
    if (bytes.size() < sizeof pieces.length) return false;
    std::memcpy(&pieces.length, bytes.data(), sizeof pieces.length);
    bytes = bytes.subspan(sizeof pieces.length);
    if (pieces.length == 0 || pieces.length > memory::arena_usage().quota) return false;
    try {
      pieces.bytes = std::make_unique_for_overwrite<std::byte[]>(pieces.length);
    } catch (const std::bad_alloc&) {
      pieces.error = std::current_exception();
    }
  }
  if (bytes.size() > pieces.length - pieces.filled) return false;
  if (!pieces.error) std::memcpy(pieces.bytes.get() + pieces.filled, bytes.data(), bytes.size());
  pieces.filled += bytes.size();
  return true;
}

/// What a worker says of itself.
void PoolImpl::take_news(std::uint32_t worker, const ResultHeader& header) {
  if (static_cast<ResultKind>(header.kind) == ResultKind::ready) return scheduler_.ready(worker);
  std::vector<std::byte> bytes(header.length);
  links_[worker].results.copy(header, bytes.data());
  std::exception_ptr cause;
  try {
    Reader reader(bytes);
    cause = read_exception(reader);
  } catch (...) {
    cause = std::current_exception();
  }
  break_by_initializer(cause);
}

void PoolImpl::break_by_initializer(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (...) {
    try {
      std::throw_with_nested(
          BrokenProcessPool("the initializer of the pool failed: " + what_of(cause)));
    } catch (...) {
      break_with(std::current_exception());
    }
  }
}

void PoolImpl::break_with(std::exception_ptr cause) {
  if (scheduler_.mode() == Scheduler::Mode::broken ||
      scheduler_.mode() == Scheduler::Mode::terminated)
    return;
  broken_cause_ = std::move(cause);
  scheduler_.break_pool();
  wake_followers();
}

void PoolImpl::end_task(Task& task) {
  auto& state = static_cast<TaskState&>(task);
  Ending ending = task.phase == TaskPhase::done ? Ending::value : Ending::exception;
  TaskExtra* extra = state.extra_if_any();
  if (!from_worker_) {
    extra = &state.extra();
    if (!extra->error) extra->error = ending_error(state);
    ending = task.phase == TaskPhase::cancelled ? Ending::cancelled : Ending::error;
  }
  if (task.timed) --timed_;
  CompletionHook* hook = nullptr;
  std::vector<std::unique_ptr<Callback>> callbacks;
  if (extra != nullptr) {
    std::vector<std::byte>().swap(extra->call);
    if (task.phase == TaskPhase::cancelled && scheduler_.mode() == Scheduler::Mode::terminated &&
        task.sequence != 0) {
      std::ranges::move(extra->blocks, std::back_inserter(links_[task.worker].remains));
      extra->blocks.clear();
    }
    if (!extra->keep_blocks) extra->blocks.clear();
    extra->kept.clear();
    hook = std::exchange(extra->hooks, nullptr);
    callbacks = std::move(extra->callbacks);
    if (hook != nullptr || !callbacks.empty()) --wanted_;
  }
  state.publish(ending);
  while (hook != nullptr) std::exchange(hook, hook->next_hook)->completed();
  for (auto& callback : callbacks) queue_callback(std::move(callback));
  if (!state.release_unless_last()) bury(StateRef<TaskState>(&state));
}

/// Why a task without a result ended.
std::exception_ptr PoolImpl::ending_error(TaskState& state) {
  switch (state.phase) {
    case TaskPhase::cancelled:
      return std::make_exception_ptr(
          CancelledError(state.label() + (scheduler_.mode() == Scheduler::Mode::terminated
                                              ? " was cancelled: the pool was terminated"
                                          : state.aborted ? " was aborted"
                                                          : " was cancelled")));
    case TaskPhase::lost:
      if (state.timed_out) {
        const std::chrono::duration<double> limit = state.extra().timeout.duration();
        return std::make_exception_ptr(
            TimeoutError(fmt::format("{} ran longer than {:g} s: worker {} was killed",
                                     state.label(), limit.count(), dead_pid_)));
      }
      return std::make_exception_ptr(
          WorkerDied(fmt::format("{} was lost: worker {} {}{}", state.label(), dead_pid_,
                                 describe_end(dead_exitcode_), dead_hint_),
                     dead_pid_, dead_exitcode_, state.name()));
    default: return broken_cause_;
  }
}

}  // namespace royong::inline v0::detail
