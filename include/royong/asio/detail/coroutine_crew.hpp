// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief CoroutineCrew: the workers of a CoroutinePool, and what each of them has to do.
 */
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <unistd.h>

#include <algorithm>      // for std::ranges::min_element
#include <chrono>         // for std::chrono::steady_clock
#include <deque>          // for std::deque
#include <exception>      // for std::exception_ptr
#include <functional>     // for std::function
#include <memory>         // for std::shared_ptr
#include <mutex>          // for std::mutex
#include <optional>       // for std::optional
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::move
#include <vector>         // for std::vector

#include "royong/asio/detail/coroutine_worker.hpp"
#include "royong/error.hpp"
#include "royong/pool.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"

namespace royong::inline v0::asio {

/// How a CoroutinePool is made.
struct CoroutinePoolOptions {
  /// So many tasks at most are under way in one worker; others wait in the pool.
  int childconcurrency = 16;
  /// What each worker runs before its first task. If it throws in any worker, the pool is broken and says why.
  Initializer initializer{};
  /// A worker gets so many tasks and no more; it ends with the last of them and is replaced. 0: no limit.
  int maxtasksperchild = 0;
  /// Of the workers: "name-1", "name-2" ...; default: "CoroutineWorker".
  std::string name{};
  /// Default: get_start_method().
  std::optional<StartMethod> start_method{};
  /// For each worker.
  ResourceLimits limits{};
  RestartLimit restarts{};
};

namespace detail {

/// How a task ended: `error`, or what the worker sent.
struct CoroutineEnd {
  std::exception_ptr error;
  std::shared_ptr<const Bytes> message;

  /// @throws what the task ended with, if that is not a value
  template <class R>
  R result() const {
    if (error) std::rethrow_exception(error);
    v0::detail::Reader in(rest_of(*message));
    if (heading_of(*message).word == Word::exception) v0::detail::rethrow_exception_from(in);
    if constexpr (!std::is_void_v<R>) return in.read<R>();
  }
};

using Deliver = std::function<void(CoroutineEnd)>;

/** @brief Processes with event loops, and the tasks that they have.
 *
 *  Every worker has a queue of orders of its own, and is never given more than it may run at once: so it begins what it takes, and
 *  says so first. When it dies, what it had begun is lost, and what still lay in its queue is given to another one. All workers
 *  put what they have to say into one queue; a note that was put is there, whatever happens to its worker afterwards.
 *
 *  The pool has no thread: the executor it was made with watches the notes and the workers' sentinels, and only while tasks are
 *  under way, so that an idle pool does not keep `io_context::run` from returning. One mutex guards everything. It is not held while
 *  handlers are delivered.
 */
class CoroutineCrew : public std::enable_shared_from_this<CoroutineCrew> {
 public:
  CoroutineCrew(net::any_io_executor executor, int processes, CoroutinePoolOptions options)
      : executor_(std::move(executor)), options_(std::move(options)) {
    if (processes < 0) throw UsageError("the number of a pool's processes must not be negative");
    if (options_.childconcurrency < 1) throw UsageError("childconcurrency must be at least 1");
    if (options_.maxtasksperchild < 0) throw UsageError("maxtasksperchild must not be negative");
    workers_.resize(static_cast<std::size_t>(processes == 0 ? cpu_count() : processes));
    notes_watch_ = watch(executor_, notes_.fileno());
    for (Worker& worker : workers_) start(worker);
  }

  const net::any_io_executor& executor() const noexcept { return executor_; }
  int size() const noexcept { return static_cast<int>(workers_.size()); }

  /// @param number becomes the task's, before anything of it can end @throws UsageError, BrokenProcessPool, ArenaFull: it was not taken
  void submit(Bytes call, std::vector<v0::detail::ObjectRef> kept, std::uint64_t& number,
              Deliver deliver) {
    require_home();
    std::lock_guard lock(mutex_);
    switch (mode_) {
      case Mode::open: break;
      case Mode::closing: throw UsageError("the pool is closed: it takes no more tasks");
      case Mode::terminated: throw UsageError("the pool was terminated: it takes no more tasks");
      case Mode::broken: std::rethrow_exception(broken_cause_);
    }
    number = ++numbers_;
    Task& task = tasks_[number];
    task.call = std::move(call);
    task.kept = std::move(kept);
    task.deliver = std::move(deliver);
    backlog_.push_back(number);
    try {
      watch_workers();
      give_out();
    } catch (...) {
      if (task.worker == nullptr) {
        std::erase(backlog_, number);
        tasks_.erase(number);
        throw;
      }
    }
  }

  void cancel(std::uint64_t number, net::cancellation_type type) {
    Endings endings;
    {
      std::lock_guard lock(mutex_);
      const auto found = tasks_.find(number);
      if (found == tasks_.end()) return;
      Task& task = found->second;
      if (task.worker == nullptr) {
        std::erase(backlog_, number);
        end(number, {cancelled(), nullptr}, endings);
      } else {
        task.cancelled = true;
        task.worker->orders->put(
            make_message(Word::cancel, number, std::as_bytes(std::span(&type, 1))));
      }
    }
    deliver(endings);
  }

  void close() {
    require_home();
    std::lock_guard lock(mutex_);
    if (mode_ == Mode::open) mode_ = Mode::closing;
    stop_if_finished();
  }

  /// Kills the workers; waits until they are gone. What was under way is cancelled.
  void terminate() noexcept {
    if (::getpid() != home_) return;
    Endings endings;
    std::vector<Worker> workers;
    {
      std::lock_guard lock(mutex_);
      if (mode_ == Mode::terminated) return;
      mode_ = Mode::terminated;
      end_all(cancelled(), endings);
      notes_watch_.reset();
      workers.swap(workers_);
    }
    for (Worker& worker : workers) {
      if (worker.process) worker.process->kill();
    }
    workers.clear();  // joins
    deliver(endings);
  }

 private:
  enum class Mode { open, closing, terminated, broken };
  using Clock = std::chrono::steady_clock;
  using Endings = std::vector<std::function<void()>>;

  struct Worker {
    std::optional<Process> process;
    std::optional<Queue<Bytes>> orders;
    std::unique_ptr<net::posix::stream_descriptor> sentinel;
    std::uint64_t life = 0;
    int load = 0;
    int given = 0;  // in its life
    bool ready = false;
    bool stopped = false;  // was told to end
  };

  struct Task {
    Bytes call;
    std::vector<v0::detail::ObjectRef> kept;  // handles among the arguments
    Deliver deliver;
    Worker* worker = nullptr;  // none: it is in the backlog
    bool began = false;
    bool cancelled = false;
  };

  void require_home() const {
    if (::getpid() != home_)
      throw UsageError("a pool works only in the process that made it, not in a fork of it");
  }

  static std::exception_ptr cancelled() {
    return std::make_exception_ptr(CancelledError("the task was cancelled"));
  }

  void start(Worker& worker) {
    worker = Worker{};
    worker.life = ++lives_;
    worker.orders.emplace();
    ProcessOptions options;
    options.name = (options_.name.empty() ? "CoroutineWorker" : options_.name) + "-" +
                   std::to_string(worker.life);
    options.daemon = true;
    options.start_method = options_.start_method;
    options.limits = options_.limits;
    worker.process.emplace(std::move(options), &coroutine_worker_main, *worker.orders, notes_,
                           worker.life, v0::detail::PoolAccess::call_of(options_.initializer));
    worker.process->start();
    worker.sentinel = watch(executor_, worker.process->sentinel());
    if (watching_) watch_sentinel(worker);
  }

  void watch_workers() {
    if (std::exchange(watching_, true)) return;
    watch_notes();
    for (Worker& worker : workers_) watch_sentinel(worker);
  }
  void watch_notes() {
    notes_watch_->async_wait(net::posix::stream_descriptor::wait_read,
                             [weak = weak_from_this()](const boost::system::error_code& error) {
                               if (error) return;
                               if (const auto self = weak.lock()) self->read_notes();
                             });
  }
  void watch_sentinel(Worker& worker) {
    if (!worker.sentinel) return;
    worker.sentinel->async_wait(
        net::posix::stream_descriptor::wait_read,
        [weak = weak_from_this(), life = worker.life](const boost::system::error_code& error) {
          if (error) return;
          if (const auto self = weak.lock()) self->bury(life);
        });
  }
  /// Nothing is under way: nobody waits for anything.
  void rest() {
    watching_ = false;
    if (notes_watch_) notes_watch_->cancel();
    for (Worker& worker : workers_) {
      if (worker.sentinel) worker.sentinel->cancel();
    }
  }

  bool is_spent(const Worker& worker) const {
    return options_.maxtasksperchild != 0 && worker.given >= options_.maxtasksperchild;
  }
  bool has_room(const Worker& worker) const {
    return worker.process && worker.load < options_.childconcurrency && !is_spent(worker);
  }

  void give_out() {
    while (!backlog_.empty()) {
      const auto least = std::ranges::min_element(workers_, {}, [this](const Worker& worker) {
        return has_room(worker) ? worker.load : options_.childconcurrency;
      });
      if (least == workers_.end() || !has_room(*least)) break;
      const std::uint64_t number = backlog_.front();
      Task& task = tasks_.at(number);
      least->orders->put(make_message(Word::call, number, task.call));
      backlog_.pop_front();
      task.worker = &*least;
      ++least->load;
      ++least->given;
    }
    for (Worker& worker : workers_) {
      if (worker.process && is_spent(worker)) stop(worker);
    }
  }

  /// It ends with the last of its coroutines.
  static void stop(Worker& worker) {
    if (worker.stopped || !worker.orders) return;
    worker.orders->put(make_message(Word::stop, 0));
    worker.stopped = true;
  }

  void read_notes() {
    Endings endings;
    {
      std::lock_guard lock(mutex_);
      if (mode_ == Mode::terminated) return;
      drain(endings);
      settle(endings);
      if (watching_) watch_notes();
    }
    deliver(endings);
  }

  void drain(Endings& endings) {
    while (auto note = notes_.try_get()) {
      const Heading heading = heading_of(*note);
      if (heading.word == Word::ready) {
        for (Worker& worker : workers_) worker.ready |= worker.life == heading.task;
        early_deaths_.clear();
        continue;
      }
      if (heading.word == Word::failed) {
        break_by_initializer(*note, endings);
        continue;
      }
      const auto found = tasks_.find(heading.task);
      if (found == tasks_.end()) continue;  // cancelled meanwhile, with the pool
      if (heading.word == Word::began) {
        found->second.began = true;
        continue;
      }
      CoroutineEnd ending{nullptr, std::make_shared<const Bytes>(std::move(*note))};
      if (found->second.cancelled && heading.word == Word::exception) ending.error = cancelled();
      end(heading.task, std::move(ending), endings);
    }
  }

  void break_by_initializer(const Bytes& note, Endings& endings) {
    if (mode_ == Mode::broken) return;
    try {
      v0::detail::Reader in(rest_of(note));
      v0::detail::rethrow_exception_from(in);
    } catch (...) {
      std::string why = "an exception of unknown type";
      try {
        throw;
      } catch (const std::exception& error) {
        why = error.what();
      } catch (...) {
      }
      broken_cause_ =
          v0::detail::attach_cause(BrokenProcessPool("the initializer of the pool failed: " + why),
                                   std::current_exception());
    }
    mode_ = Mode::broken;
    end_all(broken_cause_, endings);
  }

  /// A worker has ended.
  void bury(std::uint64_t life) {
    Endings endings;
    {
      std::lock_guard lock(mutex_);
      const auto found =
          std::ranges::find_if(workers_, [life](const Worker& w) { return w.life == life; });
      if (mode_ == Mode::terminated || found == workers_.end() || !found->process) return;
      Worker& dead = *found;
      // What it said before it died counts.
      drain(endings);
      dead.process->join();
      const pid_t pid = dead.process->pid().value_or(0);
      const auto code = dead.process->exitcode();
      std::vector<std::uint64_t> had;
      for (auto& [number, task] : tasks_) {
        if (task.worker == &dead) had.push_back(number);
      }
      std::ranges::sort(had, std::greater<>());  // the oldest goes to the front last
      for (const std::uint64_t number : had) {
        Task& task = tasks_.at(number);
        if (task.began || task.cancelled) {
          end(number, {task.cancelled ? cancelled() : lost(number, pid, code), nullptr}, endings);
        } else {
          task.worker = nullptr;
          backlog_.push_front(number);
        }
      }
      const bool early = !dead.ready;
      dead = Worker{};
      if (mode_ == Mode::open || !tasks_.empty()) replace(dead, early, pid, endings);
      settle(endings);
    }
    deliver(endings);
  }

  /// A worker that cannot be started counts as one that dies before it is ready.
  void replace(Worker& worker, bool early, pid_t pid, Endings& endings) {
    std::string why = "the workers of the pool die before they are ready: worker " +
                      std::to_string(pid) + " was the last one";
    for (;; early = true) {
      const auto now = Clock::now();
      std::erase_if(early_deaths_, [&](auto at) { return at < now - options_.restarts.period; });
      if (early) early_deaths_.push_back(now);
      if (early_deaths_.size() > static_cast<std::size_t>(options_.restarts.count)) break;
      try {
        return start(worker);
      } catch (const std::exception& error) {
        why = std::string("the pool cannot start workers: ") + error.what();
      }
    }
    mode_ = Mode::broken;
    broken_cause_ = std::make_exception_ptr(BrokenProcessPool(why));
    worker = Worker{};
    end_all(broken_cause_, endings);
  }

  /// After ends and deaths: gives out what waits, and notes that nothing is left to do.
  void settle(Endings& endings) {
    try {
      give_out();
    } catch (...) {
      // No memory for the order: that task alone ends by it.
      if (!backlog_.empty()) {
        const std::uint64_t number = backlog_.front();
        backlog_.pop_front();
        end(number, {std::current_exception(), nullptr}, endings);
      }
    }
    if (tasks_.empty() && watching_) rest();
    stop_if_finished();
  }

  void stop_if_finished() {
    if (mode_ != Mode::closing || !tasks_.empty()) return;
    for (Worker& worker : workers_) stop(worker);
  }

  void end_all(const std::exception_ptr& error, Endings& endings) {
    backlog_.clear();
    while (!tasks_.empty()) end(tasks_.begin()->first, {error, nullptr}, endings);
  }

  void end(std::uint64_t number, CoroutineEnd ending, Endings& endings) {
    const auto found = tasks_.find(number);
    if (found->second.worker != nullptr) --found->second.worker->load;
    endings.push_back([deliver = std::move(found->second.deliver), ending = std::move(ending)] {
      deliver(ending);
    });
    tasks_.erase(found);
  }

  static void deliver(Endings& endings) {
    for (auto& ending : endings) ending();
  }

  static std::exception_ptr lost(std::uint64_t number, pid_t pid, std::optional<int> code) {
    const std::string how = !code        ? "ended, nobody knows how"
                            : *code >= 0 ? "exited with code " + std::to_string(*code)
                                         : "was killed by signal " + std::to_string(-*code);
    const std::string name = std::to_string(number);
    return std::make_exception_ptr(WorkerDied(
        "task " + name + " was lost: worker " + std::to_string(pid) + " " + how, pid, code, name));
  }

  const pid_t home_ = ::getpid();
  const net::any_io_executor executor_;
  const CoroutinePoolOptions options_;
  const Queue<Bytes> notes_;

  std::mutex mutex_;  // guards what follows
  Mode mode_ = Mode::open;
  bool watching_ = false;
  std::unique_ptr<net::posix::stream_descriptor> notes_watch_;
  std::vector<Worker> workers_;
  std::unordered_map<std::uint64_t, Task> tasks_;
  std::deque<std::uint64_t> backlog_;
  std::uint64_t numbers_ = 0;
  std::uint64_t lives_ = 0;
  std::vector<Clock::time_point> early_deaths_;
  std::exception_ptr broken_cause_;
};

}  // namespace detail

}  // namespace royong::inline v0::asio
