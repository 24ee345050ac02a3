// SPDX-License-Identifier: Apache-2.0
// The processes of a pool: start, death, end.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "logging/log.hpp"
#include "os/limits.hpp"
#include "os/quiet_thread.hpp"
#include "pool/core.hpp"
#include "pool/worker_main.hpp"
#include "process/exit.hpp"
#include "process/runtime.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

void PoolImpl::start() {
  if (!plan_.trace.empty()) {
    // Workers may have another folder by the time they open it.
    plan_.trace = std::filesystem::absolute(plan_.trace);
    trace_ = Trace::create(plan_.trace.string());
  }
  if (plan_.inline_tasks) return start_inline();
  if (plan_.threads) return;
  oom_kills_ = os::oom_kills();
  if (!plan_.start_method) plan_.start_method = use_start_method();
  if (*plan_.start_method != StartMethod::fork) return;
  // Copies of this process as it is now, made by this thread: not of what it happens to be doing
  // when a task comes.
  Lock lock(*this);
  scheduler_.start();
  start_pending(lock);
  if (!start_error_ || scheduler_.alive() != 0) return;
  scheduler_.terminate();
  lock.unlock();
  wait(gone_, nullptr, Instant::max());
  hold_main_while_another_exits();
  std::rethrow_exception(start_error_);
}

/// It has a channel at once: so it can be given a task. Its process comes with `start_pending`.
void PoolImpl::start_worker(std::uint32_t worker) {
  Link& link = links_[worker];
  link = Link{};  // what was in the ring of the one before went back to the tasks
  link.life = ++lives_;
  try {
    open_channel(link);
  } catch (...) {
    link.no_channel = std::current_exception();
  }
  to_start_.push_back(worker);
}

void PoolImpl::open_channel(Link& link) {
  link.channel = ChannelHandle::create();
  ChannelMemory& memory = link.channel.memory();
  link.tasks = TaskProducer(memory.tasks, memory.pool.tasks_tail, memory.worker.tasks_head);
  link.results =
      ResultConsumer(memory.results, memory.worker.results_tail, memory.pool.results_head);
  link.memory = &memory;
}

/// Starts what the scheduler asked for. The lock is open meanwhile.
void PoolImpl::start_pending(Lock& lock) {
  while (!to_start_.empty()) {
    std::vector<std::uint32_t> processes;
    for (const std::uint32_t worker : std::exchange(to_start_, {})) {
      try {
        if (links_[worker].no_channel) std::rethrow_exception(links_[worker].no_channel);
        if (plan_.threads) {
          start_thread(worker);
        } else {
          processes.push_back(worker);
        }
      } catch (...) {
        fail_start(worker, std::current_exception());
      }
    }
    if (!processes.empty()) start_processes(lock, processes);
  }
}

/// All of them at once: they come to life side by side.
void PoolImpl::start_processes(Lock& lock, const std::vector<std::uint32_t>& workers) {
  std::vector<std::uint64_t> lives;
  std::vector<ChildStart> starts;
  for (const std::uint32_t worker : workers) {
    const std::uint64_t life = links_[worker].life;
    lives.push_back(life);
    starts.push_back({worker_plan(worker), [self = share(), worker, life](Child& dead) {
                        self->handle_death(worker, life, dead.pid(), dead.exitcode());
                      }});
  }
  starting_ += static_cast<std::uint32_t>(workers.size());
  lock.unlock();
  auto started = start_children(std::move(starts));
  lock.lock();
  starting_ -= static_cast<std::uint32_t>(workers.size());
  for (std::size_t i = 0; i < workers.size(); ++i) {
    Link& link = links_[workers[i]];
    if (link.life != lives[i]) continue;  // it has died already
    if (started[i].error) {
      fail_start(workers[i], started[i].error);
    } else {
      link.child = std::move(started[i].child);
      if (link.signal != 0) link.child->signal(link.signal);
    }
  }
  note_if_gone();
}

void PoolImpl::fail_start(std::uint32_t worker, const std::exception_ptr& error) {
  start_error_ = error;
  lose_worker(worker, "the pool cannot start workers: " + what_of(error));
}

ProcessPlan PoolImpl::worker_plan(std::uint32_t worker) {
  ProcessOptions options;
  options.name = fmt::format("{}-{}", plan_.name.empty() ? "PoolWorker" : plan_.name, ++names_);
  options.daemon = true;
  options.start_method = plan_.start_method;
  options.limits = plan_.limits;
  return plan_call(std::move(options), &pool_worker_main, links_[worker].channel, bell_,
                   WorkerPlan{static_cast<std::uint64_t>(plan_.maxtasksperchild), plan_.initializer,
                              plan_.trace.string(), worker, plan_.abroad});
}

void PoolImpl::start_thread(std::uint32_t worker) {
  std::erase_if(threads_, [](const std::shared_ptr<LocalWorker>& one) {
    if (one->ended) one->thread.join();  // has left the mutex for good
    return one->ended;
  });
  auto local = std::make_shared<LocalWorker>();
  threads_.push_back(local);
  links_[worker].thread = local;
  try {
    local->thread = os::start_quiet_thread([self = share(), local = local.get(),
                                            channel = links_[worker].channel, worker,
                                            life = links_[worker].life] {
      try {
        pool_thread_main(channel, self->bell_, local->context, self->plan_.local_initializer);
      } catch (...) {
        const Lock lock(*self);
        self->break_by_initializer(std::current_exception());
      }
      self->handle_death(worker, life, 0, 0);
      const Lock lock(*self);
      local->ended = true;
    });
  } catch (...) {
    threads_.pop_back();
    throw;
  }
}

/// Without workers: the constructor does what they would.
void PoolImpl::start_inline() {
  if (plan_.initializer.empty()) return;
  Writer error(Transit::argument);
  if (run_task(plan_.initializer, error)) return;
  Reader reader(error.bytes());
  break_by_initializer(read_exception(reader));
}

void PoolImpl::handle_death(std::uint32_t worker, std::uint64_t life, pid_t pid,
                            std::optional<int> exitcode) {
  Lock lock(*this);
  Link& link = links_[worker];
  if (link.life != life) return;
  drain(worker);
  if (plan_.threads && link.memory != nullptr) drop_ring(link);
  busy_.resize(std::max(busy_.size(), links_.size()));
  busy_[worker] += busy_time(link);
  dead_pid_ = pid;
  dead_exitcode_ = exitcode;
  dead_hint_ = last_words(exitcode);
  lose_worker(worker,
              fmt::format("the workers of the pool die before they are ready: worker {} {}{}", pid,
                          describe_end(exitcode), dead_hint_));
  start_pending(lock);
  ask_driver();
  lock.unlock();
  // The worker may have died while it rang: with the bit down, and nobody woken.
  bell_.events().wake_after_a_death();
}

/// @param why what breaks the pool, should this have been one death too many
void PoolImpl::lose_worker(std::uint32_t worker, const std::string& why) {
  if (scheduler_.mode() != Scheduler::Mode::broken)
    broken_cause_ = std::make_exception_ptr(BrokenProcessPool(why));
  scheduler_.died(worker, now_ns());
  if (scheduler_.state(worker) == WorkerState::dead) links_[worker] = Link{};
  wake_followers();
  note_if_gone();
}

void PoolImpl::kill_worker(std::uint32_t worker) {
  const bool polite = scheduler_.mode() == Scheduler::Mode::terminated && !kill_;
  send(links_[worker], polite ? SIGTERM : SIGKILL);
}

void PoolImpl::send(Link& link, int signal) noexcept {
  if (link.thread) {
    link.thread->context.requested.store(true, std::memory_order_release);
    ring_worker(link);
    return;
  }
  link.signal = signal;
  if (link.child) link.child->signal(signal);
}

void PoolImpl::note_if_gone() {
  if (scheduler_.mode() == Scheduler::Mode::open || scheduler_.live() != 0 || starting_ != 0 ||
      scheduler_.alive() != 0)
    return;
  trace_.finish();
  gone_.store(1, std::memory_order_release);
  wake_followers();
  nudge();
}

/** @brief What is known about the end of a worker beside how it ended.
 *
 *  Nobody is told whom the OOM killer killed, only how many: so the sentence says that and no more.
 */
std::string PoolImpl::last_words(std::optional<int> exitcode) {
  if (!exitcode || *exitcode >= 0) return {};
  if (*exitcode == -SIGXCPU && plan_.limits.cpu != 0)
    return fmt::format(" (its limit of {} s of processor time was used up)", plan_.limits.cpu);
  if ((*exitcode == -SIGABRT || *exitcode == -SIGSEGV) && plan_.limits.memory != 0)
    return fmt::format(" (its memory was limited to {} bytes)", plan_.limits.memory);
  if (*exitcode != -SIGKILL || !oom_kills_) return {};
  const auto now = os::oom_kills();
  const auto before = std::exchange(oom_kills_, now ? now : oom_kills_);
  if (!now || now->count <= before->count || now->whole_machine != before->whole_machine) return {};
  return fmt::format(" (the kernel's OOM killer has killed {} {} {} meanwhile)",
                     now->count - before->count,
                     now->count - before->count == 1 ? "process" : "processes",
                     now->whole_machine ? "on this machine" : "of this control group");
}

std::int64_t PoolImpl::busy_time(const Link& link) noexcept {
  if (link.memory == nullptr) return 0;
  const WorkerReport& report = link.memory->report;
  const std::int64_t since = report.busy_since.load(std::memory_order_relaxed);
  return report.busy.load(std::memory_order_relaxed) + (since != 0 ? now_ns() - since : 0);
}

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

std::string describe_end(std::optional<int> exitcode) {
  if (!exitcode) return "ended, nobody knows how";
  if (*exitcode >= 0) return fmt::format("exited with code {}", *exitcode);
  if (const char* name = ::sigabbrev_np(-*exitcode))
    return fmt::format("was killed by SIG{}", name);
  return fmt::format("was killed by signal {}", -*exitcode);
}

}  // namespace royong::inline v0::detail
