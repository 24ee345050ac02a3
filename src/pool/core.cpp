// SPDX-License-Identifier: Apache-2.0
#include "pool/core.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "pool/worker_main.hpp"
#include "process/exit.hpp"
#include "process/runtime.hpp"
#include "royong/detail/imap.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {
namespace {

constexpr std::chrono::milliseconds terminate_grace{500};
static_assert(largest_inline_call == task_ring_bytes / 8);

Scheduler::Limits limits_of(const PoolPlan& plan) {
  Scheduler::Limits limits;
  limits.tasks_per_worker = static_cast<std::uint32_t>(plan.maxtasksperchild);
  limits.early_deaths = plan.restarts.count;
  limits.period = std::chrono::nanoseconds(plan.restarts.period).count();
  limits.killable = !plan.threads;
  return limits;
}

void check(const PoolPlan& plan) {
  const auto refuse_negative = [](int value, const char* what) {
    if (value < 0)
      throw UsageError(std::string(what) + " must not be negative: it is " + std::to_string(value));
  };
  refuse_negative(plan.processes, "the number of a pool's processes");
  refuse_negative(plan.maxtasksperchild, "maxtasksperchild");
  refuse_negative(plan.restarts.count, "RestartLimit::count");
}

}  // namespace

StateRef<PoolCore> PoolCore::create(PoolPlan plan) {
  require_member();
  check(plan);
  if (plan.processes == 0) plan.processes = cpu_count();
  StateRef<PoolImpl> pool(new PoolImpl(std::move(plan)));
  pool->start();
  return StateRef<PoolCore>(pool.take());
}

PoolImpl::PoolImpl(PoolPlan plan)
    : plan_(std::move(plan)),
      generation_(fork_generation()),
      bell_(BellHandle::create()),
      scheduler_(*this, static_cast<std::uint32_t>(plan_.inline_tasks ? 0 : plan_.processes),
                 limits_of(plan_)),
      links_(scheduler_.slots()) {
  register_pool(*this);
}

PoolImpl::~PoolImpl() {
  unregister_pool(*this);
  // Each thread holds a count: they have ended, or one of them is here.
  for (const auto& local : threads_) {
    if (local->thread.joinable()) local->thread.detach();
  }
  if (driver_thread_.joinable()) driver_thread_.detach();
  if (callback_thread_.joinable()) callback_thread_.detach();
}

StateRef<PoolImpl> PoolImpl::share() noexcept {
  add_reference();
  return StateRef<PoolImpl>(this);
}

void PoolImpl::require_home() const {
  if (generation_ != fork_generation())
    throw UsageError("a pool works only in the process that made it, not in a fork of it");
}

void PoolImpl::require_open(Lock& lock) const {
  if (scheduler_.mode() == Scheduler::Mode::open) return;
  lock.unlock();  // whoever exits needs it
  hold_main_while_another_exits();
  lock.lock();
  switch (scheduler_.mode()) {
    case Scheduler::Mode::open: break;
    case Scheduler::Mode::closing: throw UsageError("the pool is closed: it takes no more tasks");
    case Scheduler::Mode::terminated:
      throw UsageError("the pool was terminated: it takes no more tasks");
    case Scheduler::Mode::broken: std::rethrow_exception(broken_cause_);
  }
}

void PoolImpl::check_open() {
  require_home();
  Lock lock(*this);
  require_open(lock);
}

void PoolImpl::submit(TaskState& state, Writer& call) {
  StateRef<TaskState> own(&state);  // the engine's count, until the task is the scheduler's
  require_home();
  if (plan_.inline_tasks) {
    run_inline(state, call);
    return;
  }
  if (plan_.threads && state.timed)
    throw UsageError("a thread cannot be killed: a time limit needs a pool of processes");
  if (call.size() > largest_inline_call) {
    const std::size_t length = call.size();
    TaskBlock block = TaskBlock::adopt(call.take_block());
    if (block.offset() == 0) {  // there was no room when it was written; perhaps there is now
      block = TaskBlock(length);
      std::memcpy(block.data(), call.bytes().data(), length);
    }
    state.extra().call_length = length;
    state.extra().blocks.push_back(std::move(block));
  }
  if (auto kept = call.take_kept(); !kept.empty()) state.extra().kept = std::move(kept);

  Lock lock(*this);
  require_open(lock);
  make_room(lock);
  state.set_engine(*this);
  if (state.timed) ++timed_;
  submitted_ = &state;
  submitted_call_ = call.bytes();
  scheduler_.submit(state);
  submitted_ = nullptr;
  (void)own.take();
  if (!plan_.threads && state.phase == TaskPhase::pending && state.extra().call_length == 0) {
    const auto bytes = call.bytes();
    state.extra().call.assign(bytes.begin(), bytes.end());
  }
  if (plan_.threads) start_pending(lock);  // a thread is no sooner asked for than started
  ask_driver();
}

void PoolImpl::run_inline(TaskState& state, Writer& call) {
  {
    Lock lock(*this);
    require_open(lock);
    state.set_engine(*this);
    state.sequence = ++sequence_;
  }
  const std::int64_t began = Timeout::Clock::now().time_since_epoch().count();
  Writer result(Transit::argument);
  const bool fine = run_task(call.bytes(), result);
  const auto bytes = result.bytes();
  std::memcpy(state.make_result(bytes.size()), bytes.data(), bytes.size());
  if (auto handles = result.take_kept(); !handles.empty())
    state.extra().handles = std::move(handles);
  {
    Lock lock(*this);
    scheduler_.count_inline(fine);
    const TaskExtra* extra = state.extra_if_any();
    trace_.task(0, extra != nullptr ? extra->name : "", state.sequence, began,
                Timeout::Clock::now().time_since_epoch().count(), fine ? "value" : "exception",
                ::getpid());
  }
  state.phase = fine ? TaskPhase::done : TaskPhase::failed;
  state.publish(fine ? Ending::value : Ending::exception);
}

bool PoolImpl::cancel(TaskState& state) {
  require_home();
  Lock lock(*this);
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (!scheduler_.cancel(state)) return false;
  wake_followers();
  note_if_gone();
  return true;
}

bool PoolImpl::abort(TaskState& state, Timeout grace) {
  require_home();
  Lock lock(*this);
  pump();  // what has ended has ended
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (scheduler_.cancel(state)) {
    wake_followers();
    note_if_gone();
    return true;
  }
  if (state.phase != TaskPhase::given) return false;
  Link& link = links_[state.worker];
  const Instant until = grace.deadline();
  if (state.aborted) {  // once more, perhaps with less patience
    link.kill_at = std::min(link.kill_at, until);
  } else {
    const bool stop = scheduler_.abort(state);
    if (!stop) return false;
    link.kill_at = until;
    send(link, until <= Timeout::Clock::now() ? SIGKILL : SIGTERM);
  }
  ask_driver();
  lock.unlock();
  nudge();  // who leads sleeps until a time that he did not know of
  return true;
}

TaskProgress PoolImpl::progress(const TaskState& state) {
  require_home();
  Lock lock(*this);
  if (state.has_ended() || state.phase != TaskPhase::given) return {};
  const WorkerReport& report = links_[state.worker].memory->report;
  if (report.sequence.load(std::memory_order_acquire) != state.sequence) return {};
  TaskProgress now;
  now.done = report.done.load(std::memory_order_acquire);
  now.total = report.total.load(std::memory_order_relaxed);
  return now;
}

PoolStats PoolImpl::stats() {
  require_home();
  Lock lock(*this);
  pump();
  const Scheduler::Counts& counts = scheduler_.counts();
  PoolStats stats;
  stats.submitted = counts.submitted;
  stats.done = counts.done;
  stats.failed = counts.failed;
  stats.cancelled = counts.cancelled;
  stats.retried = counts.retried;
  stats.deaths = counts.deaths;
  stats.queue_depth = scheduler_.backlog().size();
  busy_.resize(std::max(busy_.size(), links_.size()));
  for (std::uint32_t i = 0; i < scheduler_.slots(); ++i) {
    stats.busy.emplace_back(busy_[i] + busy_time(links_[i]));
    for (const Task* task = scheduler_.tasks_of(i).front(); task != nullptr; task = task->next) {
      const TaskEntry& entry = links_[i].tasks.entry_at(task->position);
      ++(entry.state.load(std::memory_order_acquire) == EntryState::pending ? stats.queue_depth
                                                                            : stats.running);
    }
  }
  return stats;
}

bool PoolImpl::is_running(const TaskState& state) {
  require_home();
  Lock lock(*this);
  if (state.has_ended() || state.phase != TaskPhase::given) return false;
  return links_[state.worker]
             .tasks.entry_at(state.position)
             .state.load(std::memory_order_acquire) == EntryState::running;
}

bool PoolImpl::add_hook(TaskState& state, CompletionHook& hook) {
  require_home();
  Lock lock(*this);
  if (state.has_ended()) return false;
  TaskExtra& extra = state.extra();
  if (extra.hooks == nullptr && extra.callbacks.empty()) ++wanted_;
  hook.next_hook = std::exchange(extra.hooks, &hook);
  ask_driver();
  return true;
}

void PoolImpl::remove_hook(TaskState& state, CompletionHook& hook) noexcept {
  Lock lock(*this);
  TaskExtra* extra = state.extra_if_any();
  if (state.has_ended() || extra == nullptr) return;
  for (CompletionHook** place = &extra->hooks; *place != nullptr; place = &(*place)->next_hook) {
    if (*place != &hook) continue;
    *place = hook.next_hook;
    break;
  }
  if (extra->hooks == nullptr && extra->callbacks.empty()) --wanted_;
}

void PoolImpl::add_callback(TaskState& state, std::unique_ptr<Callback> callback) {
  require_home();
  Lock lock(*this);
  if (state.has_ended()) return queue_callback(std::move(callback));
  TaskExtra& extra = state.extra();
  if (extra.hooks == nullptr && extra.callbacks.empty()) ++wanted_;
  extra.callbacks.push_back(std::move(callback));
  ask_driver();
}

void PoolImpl::close() {
  require_home();
  Lock lock(*this);
  scheduler_.close();
  note_if_gone();
}

void PoolImpl::terminate() {
  if (generation_ != fork_generation()) return;
  Lock lock(*this);
  scheduler_.terminate();
  for (const std::uint32_t worker : std::exchange(to_start_, {})) scheduler_.died(worker, 0);
  wake_followers();
  note_if_gone();
}

void PoolImpl::kill() {
  {
    Lock lock(*this);
    kill_ = true;
    if (scheduler_.mode() == Scheduler::Mode::terminated) {
      for (Link& link : links_) send(link, SIGKILL);
    }
  }
  terminate();
}

void PoolImpl::cancel_pending() {
  require_home();
  Lock lock(*this);
  while (Task* task = scheduler_.backlog().front()) scheduler_.cancel(*task);
  for (std::uint32_t i = 0; i < scheduler_.slots(); ++i) {
    while (Task* task = scheduler_.tasks_of(i).back()) {
      if (!scheduler_.cancel(*task)) break;
    }
  }
  wake_followers();
  note_if_gone();
}

bool PoolImpl::join(Timeout timeout) {
  if (generation_ != fork_generation()) return true;
  {
    Lock lock(*this);
    if (scheduler_.mode() == Scheduler::Mode::open)
      throw UsageError("a pool must be closed or terminated before it is joined");
  }
  const Instant deadline = timeout.deadline();
  while (!wait(gone_, nullptr, std::min(deadline, Timeout::Clock::now() + terminate_grace))) {
    if (Timeout::Clock::now() >= deadline) return false;
    // A terminated worker may ignore SIGTERM, or be stopped.
    Lock lock(*this);
    if (scheduler_.mode() != Scheduler::Mode::terminated) continue;
    for (Link& link : links_) send(link, SIGKILL);
  }
  stop_threads();
  return true;
}

void PoolImpl::stop_threads() {
  std::thread driver, callbacks;
  std::vector<std::shared_ptr<LocalWorker>> locals;
  {
    Lock lock(*this);
    stop_driver_ = true;
    driver_.wake.notify_one();
    std::swap(driver, driver_thread_);
    std::swap(locals, threads_);
    std::lock_guard callbacks_lock(callbacks_mutex_);
    stop_callbacks_ = true;
    callbacks_wake_.notify_one();
    if (callback_thread_.get_id() != std::this_thread::get_id())
      std::swap(callbacks, callback_thread_);
  }
  nudge();
  if (driver.joinable()) driver.join();
  for (const auto& local : locals) {
    if (local->thread.get_id() == std::this_thread::get_id()) {
      local->thread.detach();
    } else {
      local->thread.join();
    }
  }
  if (callbacks.joinable()) callbacks.join();
}

void PoolImpl::end_at_exit() noexcept {
  try {
    terminate();
    // A thread cannot be killed, and the program's end is not its to prevent.
    join(plan_.threads ? Timeout(terminate_grace) : forever);
  } catch (const std::exception& error) {
    log(LogLevel::error, "cannot end a pool at exit: {}", error.what());
  }
}

void PoolImpl::resize(int workers) {
  require_home();
  if (workers < 1) throw UsageError("a pool needs at least one process");
  Lock lock(*this);
  require_open(lock);
  if (plan_.inline_tasks) return;
  if (static_cast<std::uint32_t>(workers) > links_.size())
    links_.resize(static_cast<std::size_t>(workers));
  scheduler_.resize(static_cast<std::uint32_t>(workers));
  start_pending(lock);
}

int PoolImpl::size() {
  Lock lock(*this);
  return plan_.inline_tasks ? 1 : static_cast<int>(scheduler_.size());
}

void end_pool(PoolCore& pool, bool terminate) noexcept {
  try {
    if (terminate) {
      pool.terminate();
    } else {
      pool.close();
    }
    pool.join(forever);
  } catch (const std::exception& error) {
    log(LogLevel::error, "cannot end a pool: {}", error.what());
  }
}

void apply_options(const TaskOptions& options, TaskState& state) {
  if (options.retries < 0) throw UsageError("the number of retries must not be negative");
  TaskExtra& extra = state.extra();
  extra.name = options.name;
  extra.timeout = options.timeout;
  state.retries = options.retries;
  state.timed = !options.timeout.is_forever();
}

void check_map(PoolCore& pool, const MapOptions& options) {
  if (options.chunksize < 0) throw UsageError("chunksize must not be negative");
  if (options.buffersize < 0) throw UsageError("buffersize must not be negative");
  pool.check_open();
}

std::size_t reduce_chunk_limit(std::size_t elements, const MapOptions& options, int workers) {
  const std::size_t chunks =
      static_cast<std::size_t>(workers) * (options.task.retries != 0 ? 64 : 16);
  return std::max<std::size_t>((elements + chunks - 1) / chunks, 1);
}

}  // namespace royong::inline v0::detail
