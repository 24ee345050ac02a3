// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The scheduler: which worker gets which task, and how each task ends. A state machine
 *  without I/O.
 *
 *  Events come in as calls of `Scheduler`'s members, what is to be done goes out as calls of
 *  `SchedulerActions`. Time is a parameter. So the whole of it runs in a test against a model, with
 *  any order of events.
 *
 *      task     pending -> given -> done | failed        (its function returned or threw)
 *                  | ^ |---> cancelled (taken back before it began; pool terminated) | |-------|
 *                  (taken back for an idle worker; worker died before it began, or | while it ran
 *                  and it has retries left) | |---> lost (worker died while it ran) |---> cancelled
 *                  | failed (cancel, terminate; pool broken)
 *
 *  A running task whose time is over, or that is aborted, takes its worker with it. What lies behind
 *  it is taken back *before* the worker is told: so it is that task and no other one that ends by it.
 *
 *      worker   dead -> starting -> idle <-> busy -> stopping -> dead         (any state -> dead)
 *
 *  Workers are started one by one, when a task comes and all that run have one; an idle one is
 *  always asked first. From then on a place stays filled: who dies there is replaced.
 *
 *  Invariants: a task is in exactly one list (backlog, or the list of one worker) or has ended;
 *  each ends once, through
 *  `end_task`; results of a worker come in the order in which its list has the tasks.
 *
 *  **How many tasks a worker holds (its window).** Two for coarse tasks: one runs, one lies ready.
 *  It doubles when the worker ran dry though it had all it was allowed, or when it ends so many
 *  that its window is less than `window_time` of work; it is halved when whoever waits has slept
 *  long. What proves wrong is put right by `rebalance`, which takes tasks back that have not begun.
 */
#pragma once

#include <cstdint>  // for std::int64_t, std::uint32_t
#include <vector>   // for std::vector

#include "royong/detail/task.hpp"

namespace royong::inline v0::detail {

/// What the scheduler has done. Called with the pool's mutex held; must not call back.
class SchedulerActions {
 public:
  /// Puts the task into the worker's ring. @return false: there is no room now
  virtual bool give(std::uint32_t worker, Task& task) = 0;
  /// Takes a given task back. @return false: the worker has begun it
  virtual bool take_back(std::uint32_t worker, Task& task) = 0;
  /// Whether a task of a dead worker had begun; if so, `element` says how far a map's chunk had
  /// come.
  virtual bool had_begun(std::uint32_t worker, const Task& task, std::uint32_t& element) = 0;
  virtual void start_worker(std::uint32_t worker) = 0;
  /// Asks an idle worker to end.
  virtual void stop_worker(std::uint32_t worker) = 0;
  /// Ends a worker whatever it does.
  virtual void kill_worker(std::uint32_t worker) = 0;
  /// The task has ended as `task.phase` says; `broken` or a dead `worker` may be the reason. Last
  /// use of the task.
  virtual void end_task(Task& task) = 0;

 protected:
  ~SchedulerActions() = default;
};

enum class WorkerState : std::uint8_t { dead, starting, idle, busy, stopping };

class Scheduler {
 public:
  struct Limits {
    std::uint32_t max_window = 1024;       ///< tasks that a worker may hold
    std::uint32_t tasks_per_worker = 0;    ///< in its life; 0: no limit
    int early_deaths = 10;                 ///< in a row, in `period`
    std::int64_t period = 60'000'000'000;  ///< nanoseconds
    bool killable = true;                  ///< false: workers are threads
  };
  enum class Mode : std::uint8_t { open, closing, terminated, broken };

  Scheduler(SchedulerActions& actions, std::uint32_t workers, Limits limits);

  // What happens. `now` is in nanoseconds of any monotonic clock.

  /// Starts all workers now. Without it each is started when there is a task for it.
  void start();
  /// A new task. The mode is open.
  void submit(Task& task);
  /// The worker has run its initializer.
  void ready(std::uint32_t worker);
  /** @brief A result came. The caller stores it in the task, then calls `end`.
   *  @return nullptr when it is not the one that is due: a worker that talks nonsense; or the pool
   *  was terminated
   */
  Task* completed(std::uint32_t worker, std::uint64_t sequence);
  /// Ends a task that `completed` returned.
  void end(Task& task, TaskPhase phase);
  /// Whether `drained` wants to know the time; else it may be anything.
  bool wants_time(std::uint32_t worker) const noexcept;
  /// All results that are there have been read: `count`, at least one, since the last call.
  void drained(std::uint32_t worker, std::uint32_t count, std::int64_t now);
  /// Who waits for results slept long: tasks are not small.
  void slept() noexcept;
  /// The worker's process has ended; all its results have been read. Starts another one where one
  /// is needed.
  void died(std::uint32_t worker, std::int64_t now);
  /// The pool cannot go on: what has not begun fails, what runs may finish.
  void break_pool();
  /// @return false: it has begun, or ended
  bool cancel(Task& task);
  /// The time limit of a given task passed: kills its worker, unless the task ended meanwhile.
  void expire(Task& task);
  /** @brief Nobody wants a given task any more that `cancel` could not take away. It ends as
   *  cancelled now, whatever comes.
   *  @return whether the caller has to end its worker; false: its result is there
   */
  bool abort(Task& task);
  void close();
  void terminate();
  /// Starts all that are missing, too.
  void resize(std::uint32_t workers);

  /// Gives pending tasks to workers that have room.
  void dispatch();
  /// Gives what waits behind a running task to idle workers. For when results are slow to come.
  void rebalance();

  // What is.

  /// What has happened since the beginning.
  struct Counts {
    std::uint64_t submitted = 0;
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< also lost ones
    std::uint64_t cancelled = 0;
    std::uint64_t retried = 0;
    std::uint64_t deaths = 0;  ///< of workers that nobody had asked to end
  };
  const Counts& counts() const noexcept { return counts_; }
  /// Counts a task that ran without the scheduler.
  void count_inline(bool fine) noexcept {
    ++counts_.submitted;
    ++(fine ? counts_.done : counts_.failed);
  }
  Mode mode() const noexcept { return mode_; }
  std::uint32_t size() const noexcept { return size_; }
  /// Tasks that have not ended and are being stopped.
  std::uint64_t aborting() const noexcept { return aborting_; }
  /// Tasks that have not ended.
  std::uint64_t live() const noexcept { return live_; }
  const TaskList& backlog() const noexcept { return backlog_; }
  /// Slots for workers; after a `resize` downwards more than `size`.
  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(workers_.size()); }
  const TaskList& tasks_of(std::uint32_t worker) const noexcept { return workers_[worker].tasks; }
  WorkerState state(std::uint32_t worker) const noexcept;
  std::uint32_t window(std::uint32_t worker) const noexcept { return workers_[worker].window; }
  /// Whether some worker may be given a task now, if need be one that is started for it.
  bool has_room() const noexcept;
  /// Whether the workers' windows have grown far: tasks take less time than a sleep.
  bool is_fine_grained() const noexcept { return workers_[cursor_].window >= fine_window; }
  /// Workers whose process lives.
  std::uint32_t alive() const noexcept;

 private:
  struct Worker {
    WorkerState state = WorkerState::dead;  // idle stands for busy as well
    std::uint32_t window = 2;
    std::uint32_t given = 0;  // in this life, less those taken back
    bool limited = false;     // had as many as its window allows
    bool unused = true;       // has never been started
    std::int64_t drained_at = 0;
    TaskList tasks;
  };

  static constexpr std::uint32_t nobody = ~std::uint32_t{0};
  static constexpr std::uint32_t min_window = 2;
  static constexpr std::uint32_t fine_window = 128;
  static constexpr std::int64_t window_time =
      50'000;  // of work that a window should hold, in nanoseconds
  static constexpr std::uint32_t run_length =
      32;  // tasks given to one worker before it is the next one's turn

  bool can_take(const Worker& worker) const noexcept;
  std::uint32_t pick();
  std::uint32_t start_unused();
  bool give(std::uint32_t worker, Task& task);
  void return_to_backlog(Task& task);
  bool isolate(Task& task);
  void cancel_given(std::uint32_t worker);
  void end_all(TaskList& list, TaskPhase phase);
  bool count_early_death(std::int64_t now);
  bool is_needed() const noexcept;
  void start_or_leave(std::uint32_t worker);
  void stop_if_finished();
  void stop(std::uint32_t worker);

  SchedulerActions& actions_;
  Limits limits_;
  Mode mode_ = Mode::open;
  std::uint32_t size_;
  std::uint32_t unused_;  // workers below `size_` that have never been started
  std::uint64_t live_ = 0;
  std::uint64_t aborting_ = 0;
  TaskList backlog_;
  std::vector<Worker> workers_;
  std::vector<std::uint32_t>
      idle_;  // candidates, looked at again before use; the last one ran most recently
  std::uint32_t cursor_ = 0;
  std::uint32_t run_ = 0;
  std::vector<std::int64_t> early_deaths_;
  Counts counts_;
};

}  // namespace royong::inline v0::detail
