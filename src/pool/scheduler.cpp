// SPDX-License-Identifier: Apache-2.0
#include "pool/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace royong::inline v0::detail {

Scheduler::Scheduler(SchedulerActions& actions, std::uint32_t workers, Limits limits)
    : actions_(actions), limits_(limits), size_(workers), unused_(workers), workers_(workers) {}

void Scheduler::start() {
  for (std::uint32_t i = 0; i < size_; ++i) start_or_leave(i);
}

WorkerState Scheduler::state(std::uint32_t worker) const noexcept {
  const Worker& w = workers_[worker];
  return w.state == WorkerState::idle && !w.tasks.empty() ? WorkerState::busy : w.state;
}

std::uint32_t Scheduler::alive() const noexcept {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      workers_, [](const Worker& w) { return w.state != WorkerState::dead; }));
}

void Scheduler::submit(Task& task) {
  ++live_;
  ++counts_.submitted;
  task.phase = TaskPhase::pending;
  if (backlog_.empty()) {
    const std::uint32_t worker = pick();
    if (worker != nobody && give(worker, task)) return;
  }
  backlog_.push_back(task);
}

void Scheduler::ready(std::uint32_t worker) {
  Worker& w = workers_[worker];
  if (w.state != WorkerState::starting) return;
  w.state = WorkerState::idle;
  early_deaths_.clear();
  if (w.tasks.empty()) idle_.push_back(worker);
  dispatch();
  rebalance();
}

Task* Scheduler::completed(std::uint32_t worker, std::uint64_t sequence) {
  Worker& w = workers_[worker];
  Task* task = w.tasks.front();
  if (task == nullptr || task->sequence != sequence) return nullptr;
  w.tasks.remove(*task);
  if (w.tasks.empty()) idle_.push_back(worker);
  return task;
}

void Scheduler::end(Task& task, TaskPhase phase) {
  if (task.aborted) {
    phase = TaskPhase::cancelled;
    --aborting_;
  }
  task.phase = phase;
  --live_;
  ++(phase == TaskPhase::done        ? counts_.done
     : phase == TaskPhase::cancelled ? counts_.cancelled
                                     : counts_.failed);
  actions_.end_task(task);
  if (live_ == 0) stop_if_finished();
}

bool Scheduler::wants_time(std::uint32_t worker) const noexcept {
  const Worker& w = workers_[worker];
  return w.limited && !w.tasks.empty();
}

void Scheduler::drained(std::uint32_t worker, std::uint32_t count, std::int64_t now) {
  Worker& w = workers_[worker];
  if (w.limited && w.tasks.empty()) {
    w.window = std::min(w.window * 2, limits_.max_window);
    w.drained_at = 0;  // time during which it had nothing to do is not the length of a task
  } else if (w.limited) {
    if (w.drained_at != 0 && (now - w.drained_at) / count < window_time / w.window)
      w.window = std::min(w.window * 2, limits_.max_window);
    w.drained_at = now;
  } else {
    w.drained_at = 0;
  }
  w.limited = w.tasks.size() >= w.window;
}

void Scheduler::slept() noexcept {
  for (Worker& w : workers_) {
    if (!w.tasks.empty()) w.window = std::max(w.window / 2, min_window);
  }
}

void Scheduler::died(std::uint32_t worker, std::int64_t now) {
  Worker& w = workers_[worker];
  if (w.state == WorkerState::dead) return;
  const bool early = w.state == WorkerState::starting;
  const bool recycled =
      limits_.tasks_per_worker != 0 && w.given >= limits_.tasks_per_worker && w.tasks.empty();
  if (w.state != WorkerState::stopping && !recycled) ++counts_.deaths;
  w.state = WorkerState::dead;
  while (Task* task = w.tasks.back()) {  // from the back, so that the backlog keeps the order
    std::uint32_t element = 0;
    if (!actions_.had_begun(worker, *task, element)) {
      return_to_backlog(*task);
      continue;
    }
    task->deaths = task->death_element == element ? task->deaths + 1 : 1;
    task->death_element = element;
    if (!task->timed_out && !task->aborted && task->deaths <= task->retries) {
      ++counts_.retried;
      return_to_backlog(*task);
      continue;
    }
    w.tasks.remove(*task);
    end(*task, TaskPhase::lost);
  }
  if (!early || mode_ == Mode::terminated || count_early_death(now)) {
    start_or_leave(worker);
  } else if (alive() == 0 && (mode_ == Mode::open || live_ != 0)) {
    break_pool();
  }
  if (mode_ == Mode::broken) end_all(backlog_, TaskPhase::failed);
  dispatch();
}

bool Scheduler::count_early_death(std::int64_t now) {
  std::erase_if(early_deaths_, [&](std::int64_t at) { return at < now - limits_.period; });
  early_deaths_.push_back(now);
  return early_deaths_.size() <= static_cast<std::size_t>(limits_.early_deaths);
}

/// Whether workers have something to do, or may have.
bool Scheduler::is_needed() const noexcept {
  return mode_ == Mode::open || (mode_ == Mode::closing && live_ != 0);
}

void Scheduler::start_or_leave(std::uint32_t worker) {
  if (!is_needed() || worker >= size_) return;
  Worker& w = workers_[worker];
  if (std::exchange(w.unused, false)) --unused_;
  w.state = WorkerState::starting;
  w.window = min_window;
  w.given = 0;
  w.limited = false;
  w.drained_at = 0;
  idle_.insert(idle_.begin(), worker);  // it can hold tasks, but those that are ready come first
  actions_.start_worker(worker);
}

void Scheduler::break_pool() {
  if (mode_ == Mode::terminated) return;
  mode_ = Mode::broken;
  for (std::uint32_t i = 0; i < slots(); ++i) {
    while (Task* task = workers_[i].tasks.back()) {
      if (!actions_.take_back(i, *task)) break;
      return_to_backlog(*task);
    }
  }
  end_all(backlog_, TaskPhase::failed);
  stop_if_finished();
}

bool Scheduler::cancel(Task& task) {
  if (task.phase == TaskPhase::pending) {
    backlog_.remove(task);
  } else if (task.phase == TaskPhase::given && actions_.take_back(task.worker, task)) {
    Worker& w = workers_[task.worker];
    w.tasks.remove(task);
    --w.given;
    if (w.tasks.empty()) idle_.push_back(task.worker);
  } else {
    return false;
  }
  end(task, TaskPhase::cancelled);
  return true;
}

void Scheduler::expire(Task& task) {
  if (task.phase != TaskPhase::given || task.timed_out) return;
  if (isolate(task)) {
    task.timed_out = true;
    actions_.kill_worker(task.worker);
  }
  dispatch();
}

bool Scheduler::abort(Task& task) {
  if (task.phase != TaskPhase::given || task.aborted) return false;
  task.aborted = isolate(task);
  if (task.aborted) ++aborting_;
  dispatch();
  return task.aborted;
}

/** Sees to it that the worker begins nothing after this task, which it has begun.
 *  Once everything behind it is back in the backlog and the worker is given nothing more, its end
 *  cannot hit another task.
 *  @return false: it has begun the next one, so this one has ended
 */
bool Scheduler::isolate(Task& task) {
  Worker& w = workers_[task.worker];
  for (Task* last = w.tasks.back(); last != &task; last = w.tasks.back()) {
    if (!actions_.take_back(task.worker, *last)) return false;
    return_to_backlog(*last);
  }
  w.state = WorkerState::stopping;
  return true;
}

void Scheduler::close() {
  if (mode_ != Mode::open) return;
  mode_ = Mode::closing;
  stop_if_finished();
}

void Scheduler::terminate() {
  if (mode_ == Mode::terminated) return;
  mode_ = Mode::terminated;
  end_all(backlog_, TaskPhase::cancelled);
  for (std::uint32_t i = 0; i < slots(); ++i) cancel_given(i);
  for (std::uint32_t i = 0; i < slots(); ++i) {
    if (workers_[i].state == WorkerState::dead) continue;
    workers_[i].state = WorkerState::stopping;
    actions_.kill_worker(i);
  }
}

/// The tasks of a worker that is about to be killed; or those that a thread has not begun.
void Scheduler::cancel_given(std::uint32_t worker) {
  Worker& w = workers_[worker];
  if (limits_.killable) return end_all(w.tasks, TaskPhase::cancelled);
  while (Task* task = w.tasks.back()) {
    if (!actions_.take_back(worker, *task)) break;
    w.tasks.remove(*task);
    end(*task, TaskPhase::cancelled);
  }
  // What runs goes on, with all that it refers to: it ends when it returns.
  for (Task* task = w.tasks.front(); task != nullptr; task = task->next) {
    if (!task->aborted) ++aborting_;
    task->aborted = true;
  }
}

void Scheduler::resize(std::uint32_t workers) {
  const std::uint32_t before = size_;
  size_ = workers;
  if (workers > slots()) workers_.resize(workers);
  unused_ = static_cast<std::uint32_t>(std::count_if(workers_.begin(), workers_.begin() + workers,
                                                     [](const Worker& w) { return w.unused; }));
  for (std::uint32_t i = 0; i < workers; ++i) {
    if (workers_[i].state == WorkerState::dead) start_or_leave(i);
  }
  for (std::uint32_t i = workers; i < before; ++i) {
    Worker& w = workers_[i];
    if (w.state == WorkerState::dead || w.state == WorkerState::stopping) continue;
    while (Task* task = w.tasks.back()) {
      if (!actions_.take_back(i, *task)) break;
      return_to_backlog(*task);
    }
    stop(i);
  }
  dispatch();
}

void Scheduler::dispatch() {
  while (Task* task = backlog_.front()) {
    const std::uint32_t worker = pick();
    if (worker == nobody) return;
    backlog_.remove(*task);
    if (!give(worker, *task)) {
      backlog_.push_front(*task);
      return;
    }
  }
}

void Scheduler::rebalance() {
  for (std::uint32_t idle = 0; idle < slots() && backlog_.empty(); ++idle) {
    if (state(idle) != WorkerState::idle || !can_take(workers_[idle])) continue;
    const auto victim =
        std::ranges::max_element(workers_, {}, [](const Worker& w) { return w.tasks.size(); });
    const auto from = static_cast<std::uint32_t>(victim - workers_.begin());
    // One that is starting runs nothing yet: all it has may go.
    std::uint32_t wanted =
        victim->state == WorkerState::starting ? victim->tasks.size() : victim->tasks.size() / 2;
    for (; wanted != 0; --wanted) {
      Task* task = victim->tasks.back();
      if (!actions_.take_back(from, *task)) break;
      return_to_backlog(*task);
    }
    while (Task* task = backlog_.front()) {
      backlog_.remove(*task);
      if (can_take(workers_[idle]) && give(idle, *task)) continue;
      backlog_.push_front(*task);
      break;
    }
  }
  dispatch();
}

bool Scheduler::can_take(const Worker& worker) const noexcept {
  if (limits_.tasks_per_worker != 0 && worker.given >= limits_.tasks_per_worker) return false;
  if (worker.state == WorkerState::starting) return worker.tasks.empty();
  return worker.state == WorkerState::idle && worker.tasks.size() < worker.window;
}

bool Scheduler::has_room() const noexcept {
  return unused_ != 0 || can_take(workers_[cursor_]) ||
         std::ranges::any_of(workers_, [this](const Worker& w) { return can_take(w); });
}

std::uint32_t Scheduler::pick() {
  // Many small tasks in a row to one worker: a line of the cache moves once for all of them.
  if (is_fine_grained() && run_ < run_length && can_take(workers_[cursor_])) {
    ++run_;
    return cursor_;
  }
  while (!idle_.empty()) {
    const std::uint32_t worker = idle_.back();
    idle_.pop_back();
    if (workers_[worker].tasks.empty() && can_take(workers_[worker])) return worker;
  }
  if (unused_ != 0 && is_needed()) return start_unused();
  for (std::uint32_t tried = 0; tried < slots(); ++tried) {
    if (run_ < run_length && can_take(workers_[cursor_])) {
      ++run_;
      return cursor_;
    }
    run_ = 0;
    cursor_ = cursor_ + 1 < slots() ? cursor_ + 1 : 0;
  }
  return nobody;
}

/// There is one, and there is a task for it.
std::uint32_t Scheduler::start_unused() {
  const auto first =
      std::ranges::find_if(workers_, [](const Worker& worker) { return worker.unused; });
  const auto worker = static_cast<std::uint32_t>(first - workers_.begin());
  start_or_leave(worker);
  return worker;
}

bool Scheduler::give(std::uint32_t worker, Task& task) {
  Worker& w = workers_[worker];
  if (!actions_.give(worker, task)) {
    if (w.tasks.empty()) idle_.push_back(worker);  // it is no less idle for that
    return false;
  }
  task.phase = TaskPhase::given;
  task.worker = worker;
  w.tasks.push_back(task);
  ++w.given;
  if (w.tasks.size() >= w.window) w.limited = true;
  return true;
}

/// From the list of its worker to the front of the backlog.
void Scheduler::return_to_backlog(Task& task) {
  Worker& w = workers_[task.worker];
  w.tasks.remove(task);
  if (w.given != 0) --w.given;
  task.phase = TaskPhase::pending;
  backlog_.push_front(task);
  if (w.tasks.empty() && w.state == WorkerState::idle) idle_.push_back(task.worker);
}

void Scheduler::end_all(TaskList& list, TaskPhase phase) {
  while (Task* task = list.front()) {
    list.remove(*task);
    end(*task, phase);
  }
}

void Scheduler::stop_if_finished() {
  if (live_ != 0 || (mode_ != Mode::closing && mode_ != Mode::broken)) return;
  for (std::uint32_t i = 0; i < slots(); ++i) {
    const WorkerState state = workers_[i].state;
    if (state != WorkerState::dead && state != WorkerState::stopping) stop(i);
  }
}

void Scheduler::stop(std::uint32_t worker) {
  workers_[worker].state = WorkerState::stopping;
  actions_.stop_worker(worker);
}

}  // namespace royong::inline v0::detail
