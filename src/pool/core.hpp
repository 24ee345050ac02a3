// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief PoolImpl: the scheduler joined to rings, processes and waiting threads.
 *
 *  One mutex guards everything of a pool in its process. It is never held while user code runs,
 *  while a process is started, or while anybody sleeps. Workers know nothing of it.
 *
 *  **Who reads results.** Whoever waits. The first thread that waits on a future of the pool is its
 *  leader: it reads all result rings, feeds the task rings from the backlog and ends futures, its
 *  own and those of the others, who sleep meanwhile and are promoted when the leader has what it
 *  came for. A thread of the pool's own takes over, without haste, when nobody waits and something
 *  would stand still otherwise. The leader looks for a while before it sleeps, and it sleeps on the
 *  bell that the workers ring.
 */
#pragma once

#include <atomic>              // for std::atomic
#include <condition_variable>  // for std::condition_variable
#include <cstdint>             // for std::uint64_t
#include <deque>               // for std::deque
#include <exception>           // for std::exception_ptr
#include <functional>          // for std::function
#include <memory>              // for std::shared_ptr, std::unique_ptr
#include <mutex>               // for std::mutex, std::unique_lock
#include <optional>            // for std::optional
#include <string>              // for std::string
#include <thread>              // for std::thread
#include <utility>             // for std::exchange
#include <vector>              // for std::vector

#include "os/limits.hpp"
#include "pool/channel.hpp"
#include "pool/scheduler.hpp"
#include "pool/task_context.hpp"
#include "pool/trace.hpp"
#include "process/child.hpp"
#include "royong/detail/pool_core.hpp"

namespace royong::inline v0::detail {

class PoolImpl final : public PoolCore, private SchedulerActions {
 public:
  explicit PoolImpl(PoolPlan plan);
  ~PoolImpl() override;

  void check_open() override;
  void submit(TaskState& state, Writer& call) override;
  void close() override;
  void terminate() override;
  void kill() override;
  void cancel_pending() override;
  bool join(Timeout timeout) override;
  void resize(int workers) override;
  int size() override;
  PoolStats stats() override;
  void post(std::unique_ptr<Callback> callback) override { queue_callback(std::move(callback)); }
  void bury(StateRef<TaskState> ended) override { ended_.push_back(std::move(ended)); }

  bool wait(const std::atomic<std::uint32_t>& flag, const TaskState* hint,
            Timeout::Clock::time_point deadline) override;
  void nudge() noexcept override { bell_.events().notify_all(); }
  bool cancel(TaskState& state) override;
  bool abort(TaskState& state, Timeout grace) override;
  bool is_running(const TaskState& state) override;
  TaskProgress progress(const TaskState& state) override;
  bool add_hook(TaskState& state, CompletionHook& hook) override;
  void remove_hook(TaskState& state, CompletionHook& hook) noexcept override;
  void add_callback(TaskState& state, std::unique_ptr<Callback> callback) override;

  /// Starts what cannot wait for the first task. @throws what the first failure was; then nothing is left
  void start();
  /// At the program's exit: ends the workers, waits until they are gone.
  void end_at_exit() noexcept;

 private:
  using Instant = Timeout::Clock::time_point;

  /** @brief The pool's mutex, held.
   *
   *  Of what ends meanwhile some is nobody else's any more. That goes when the mutex has been released: the destructors of callables and
   *  results are the user's, and may call the pool.
   */
  class Lock {
   public:
    explicit Lock(PoolImpl& pool) : pool_(pool), lock_(pool.mutex_) {}
    ~Lock() {
      if (lock_.owns_lock()) unlock();
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    void lock() { lock_.lock(); }
    void unlock() {
      if (pool_.ended_.empty()) return lock_.unlock();
      const auto ended = std::exchange(pool_.ended_, {});
      lock_.unlock();
    }
    /// Sleeps. May return for no reason, as condition variables do.
    void wait(std::condition_variable& wake) {
      if (!clean()) wake.wait(lock_);
    }
    /// @return false: the time is over
    bool wait_until(std::condition_variable& wake, Instant deadline) {
      return clean() || wake.wait_until(lock_, deadline) == std::cv_status::no_timeout;
    }

   private:
    bool clean() {
      if (pool_.ended_.empty()) return false;
      unlock();
      lock();
      return true;
    }

    PoolImpl& pool_;
    std::unique_lock<std::mutex> lock_;
  };

  /// A worker of a pool of threads.
  struct LocalWorker {
    TaskContext context;
    std::thread thread;
    bool ended = false;
  };

  /// A result that comes in pieces.
  struct Pieces {
    std::unique_ptr<std::byte[]> bytes;
    std::uint64_t length = 0;
    std::uint64_t filled = 0;
    std::exception_ptr error;  // they are read, and thrown away
  };

  /// The pool's end of one worker.
  struct Link {
    ChannelHandle channel;
    ChannelMemory* memory = nullptr;
    TaskProducer tasks;
    ResultConsumer results;
    std::exception_ptr no_channel;        // why there is none
    std::shared_ptr<Child> child;         // nothing until it has been started
    std::uint64_t life = 0;               // which of the workers that had this place
    Pieces pieces;                        // of the task that it has done
    bool stop_unsent = false;             // the ring was full when it was asked to stop
    int signal = 0;                       // to be sent as soon as there is a child
    Instant kill_at = Instant::max();     // it was asked to end: by then it has
    std::shared_ptr<LocalWorker> thread;  // of a pool of threads: instead of a child
    std::vector<TaskBlock> remains;  // of cancelled tasks: the worker may still be writing to them
  };

  /// A thread that waits for a flag.
  struct Waiter {
    const std::atomic<std::uint32_t>* flag = nullptr;
    const TaskState* hint = nullptr;
    bool promoted = false;
    std::condition_variable wake;
  };

  // SchedulerActions
  bool give(std::uint32_t worker, Task& task) override;
  bool take_back(std::uint32_t worker, Task& task) override;
  bool had_begun(std::uint32_t worker, const Task& task, std::uint32_t& element) override;
  void start_worker(std::uint32_t worker) override;
  void stop_worker(std::uint32_t worker) override;
  void kill_worker(std::uint32_t worker) override;
  void end_task(Task& task) override;

  // Results: results.cpp
  bool pump();
  std::uint32_t drain(std::uint32_t worker);
  bool take_result(std::uint32_t worker, const ResultHeader& header);
  void take_news(std::uint32_t worker, const ResultHeader& header);
  void store_result(TaskState& state, Link& link, const ResultHeader& header);
  bool take_piece(Link& link, const ResultHeader& header);
  void drop_ring(Link& link);
  std::exception_ptr ending_error(TaskState& state);
  void ring_worker(Link& link) noexcept;

  // Workers: workers.cpp
  void open_channel(Link& link);
  StateRef<PoolImpl> share() noexcept;
  void start_pending(Lock& lock);
  void start_processes(Lock& lock, const std::vector<std::uint32_t>& workers);
  ProcessPlan worker_plan(std::uint32_t worker);
  void start_thread(std::uint32_t worker);
  void fail_start(std::uint32_t worker, const std::exception_ptr& error);
  void start_inline();
  std::string last_words(std::optional<int> exitcode);
  static std::int64_t busy_time(const Link& link) noexcept;
  void handle_death(std::uint32_t worker, std::uint64_t life, pid_t pid,
                    std::optional<int> exitcode);
  void lose_worker(std::uint32_t worker, const std::string& why);
  void send(Link& link, int signal) noexcept;
  void break_with(std::exception_ptr cause);
  void break_by_initializer(const std::exception_ptr& cause);
  void note_if_gone();

  // Waiting: waiting.cpp
  void lead(Lock& lock, Waiter& self, Instant deadline);
  bool sleep(Lock& lock, Waiter& self, Instant deadline);
  bool follow(Lock& lock, Waiter& self, Instant deadline);
  void resign();
  void wake_followers();
  void arm_bells(const Waiter& self) noexcept;
  Instant check_deadlines(Instant now);
  bool needs_driver() const noexcept;
  void ask_driver();
  void driver_main();
  void callback_main();
  void stop_threads();

  void make_room(Lock& lock);
  void require_home() const;
  void require_open(Lock& lock) const;
  void run_inline(TaskState& state, Writer& call);
  void queue_callback(std::unique_ptr<Callback> callback);

  PoolPlan plan_;
  const unsigned generation_;  // of forks: another one in a child of the user's fork
  BellHandle bell_;

  std::mutex mutex_;  // guards what follows
  Scheduler scheduler_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> to_start_;
  std::uint64_t lives_ = 0;
  std::uint32_t starting_ = 0;  // start_children is under way for so many
  std::uint64_t sequence_ = 0;
  std::uint64_t names_ = 0;  // of workers

  std::vector<StateRef<TaskState>> ended_;  // to be let go of without the mutex: see Lock

  TaskState* submitted_ = nullptr;  // is being submitted: its call lies in `submitted_call_`
  std::span<const std::byte> submitted_call_;
  bool from_worker_ = false;  // the task that ends has its result
  pid_t dead_pid_ = 0;        // whose death is being handled
  std::optional<int> dead_exitcode_;
  std::string dead_hint_;  // what more is known of it
  std::exception_ptr broken_cause_;
  std::exception_ptr start_error_;
  std::atomic<std::uint32_t> gone_{0};  // closed, all tasks ended, all workers too

  Waiter* leader_ = nullptr;
  std::deque<Waiter*> followers_;
  Waiter driver_;  // the pool's own thread
  bool driver_asleep_ = false;
  bool user_led_ = false;  // a user's thread led since the driver looked last
  int spin_looks_ = 0;
  std::uint64_t wanted_ = 0;  // live tasks with a hook or a callback
  std::uint64_t timed_ = 0;   // live tasks with a time limit
  bool kill_ = false;         // `terminate` by SIGKILL
  bool stop_driver_ = false;
  std::thread driver_thread_;
  std::vector<std::shared_ptr<LocalWorker>> threads_;  // also ended ones, until they are joined
  std::vector<std::int64_t> busy_;  // of each place, of workers that are gone; nanoseconds
  Trace trace_;
  std::optional<os::OomKills> oom_kills_;  // when it was looked last

  std::mutex callbacks_mutex_;  // after mutex_
  std::condition_variable callbacks_wake_;
  std::deque<std::unique_ptr<Callback>> callbacks_;
  bool stop_callbacks_ = false;
  std::thread callback_thread_;
};

/// An exception in a word or two.
std::string what_of(const std::exception_ptr& error);

/// "exited with code 3", "was killed by SIGKILL".
std::string describe_end(std::optional<int> exitcode);

/// Which fork this process is: changes in every child of one that used a pool.
unsigned fork_generation() noexcept;
/// The living pools of this process, for its exit.
void register_pool(PoolImpl& pool);
void unregister_pool(PoolImpl& pool) noexcept;

}  // namespace royong::inline v0::detail
