// SPDX-License-Identifier: Apache-2.0
// Who reads results, and who sleeps.
#include <signal.h>

#include <algorithm>
#include <utility>

#include "logging/log.hpp"
#include "os/quiet_thread.hpp"
#include "pool/core.hpp"
#include "pool/looks.hpp"
#include "royong/detail/exception.hpp"
#include "sync/courtesy.hpp"

namespace royong::inline v0::detail {
namespace {

constexpr int room_looks = 50;
constexpr std::chrono::milliseconds driver_patience{2};

/// Looking takes the line of the indices away from the worker, which makes each of its results slower. So the more tasks are under way,
/// the more of them should end between two looks.
int pauses_for(std::uint64_t tasks) noexcept {
  return static_cast<int>(std::clamp<std::uint64_t>(tasks / 16, 3, 50));
}

bool is_set(const std::atomic<std::uint32_t>& flag) noexcept {
  return flag.load(std::memory_order_acquire) != 0;
}

}  // namespace

bool PoolImpl::wait(const std::atomic<std::uint32_t>& flag, const TaskState* hint,
                    Instant deadline) {
  require_home();
  Lock lock(*this);
  pump();
  if (is_set(flag)) return true;
  if (deadline != Instant::max() && Timeout::Clock::now() >= deadline) return false;
  Waiter self;
  self.flag = &flag;
  self.hint = hint;
  if (leader_ != nullptr && leader_ != &driver_ && !follow(lock, self, deadline))
    return is_set(flag);
  leader_ = &self;
  user_led_ = true;
  lead(lock, self, deadline);
  resign();
  return is_set(flag);
}

/** @brief When the rings are full, looks for results before a task is submitted.
 *
 *  Of tasks that take less time than a sleep the submitter waits a moment for some to end: that
 *  costs less than to put them into the backlog and to take them out again, and bounds the memory
 *  of a flood. Longer ones go to the backlog.
 */
void PoolImpl::make_room(Lock& lock) {
  if (scheduler_.backlog().empty() && scheduler_.has_room()) return;
  pump();
  if (!scheduler_.is_fine_grained()) return;
  sync::Courtesy courtesy;
  for (int looks = room_looks; looks > 0 && !scheduler_.has_room(); --looks) {
    const int pauses = pauses_for(scheduler_.live());
    lock.unlock();
    courtesy.pass(pauses);
    lock.lock();
    pump();
  }
  require_open(lock);  // the lock was open
}

/// Reads results until the waiter's flag is set, its time is over, or it is displaced.
void PoolImpl::lead(Lock& lock, Waiter& self, Instant deadline) {
  const bool spins = &self != &driver_ && !plan_.polled;
  int looks = spins ? spin_looks_ : 0;
  sync::Courtesy courtesy;
  for (;;) {
    if (pump() && spins) {
      looks = spin_looks_;
      courtesy.reset();
    }
    if (self.flag != nullptr && is_set(*self.flag)) return;
    if (leader_ != &self) return;
    if (&self == &driver_ && (stop_driver_ || !to_start_.empty() || !needs_driver())) return;
    if (looks > 0) {
      const int pauses = pauses_for(scheduler_.live());
      lock.unlock();
      looks -= courtesy.pass(pauses);
      lock.lock();
    } else {
      if (!sleep(lock, self, deadline)) return;
      if (spins) looks = spin_looks_;
    }
  }
}

/// @return false: the time is over
bool PoolImpl::sleep(Lock& lock, Waiter& self, Instant deadline) {
  const Instant before = Timeout::Clock::now();
  if (before >= deadline) return false;
  scheduler_.rebalance();
  const Instant until = std::min(deadline, check_deadlines(before));
  arm_bells(self);
  const std::uint32_t key = bell_.events().prepare();
  if (pump()) return true;
  if (self.flag != nullptr && is_set(*self.flag)) return true;
  lock.unlock();
  bell_.events().wait(key, until);
  lock.lock();
  wake_followers();  // a flag may have been set from outside
  const bool was_short = Timeout::Clock::now() - before < short_sleep;
  if (!was_short) scheduler_.slept();
  if (&self != &driver_) spin_looks_ = was_short ? many_looks : few_looks;
  return true;
}

/// How far each worker may come before it has to wake the leader.
void PoolImpl::arm_bells(const Waiter& self) noexcept {
  const bool feed = !scheduler_.backlog().empty();
  for (Link& link : links_) {
    if (link.memory == nullptr) continue;
    std::uint64_t at = ~std::uint64_t{0};
    if (wanted_ != 0) {
      at = 0;
    } else if (feed) {
      const std::uint64_t head = link.memory->worker.tasks_head.load(std::memory_order_relaxed);
      at = link.tasks.end() - (link.tasks.end() - head) / 2;
    }
    link.memory->pool.ring_at.store(at, std::memory_order_relaxed);
  }
  const auto include = [this](const TaskState* hint) {
    if (hint == nullptr || hint->phase != TaskPhase::given || hint->has_ended()) return;
    auto& at = links_[hint->worker].memory->pool.ring_at;
    if (hint->end < at.load(std::memory_order_relaxed))
      at.store(hint->end, std::memory_order_relaxed);
  };
  include(self.hint);
  for (const Waiter* waiter : followers_) include(waiter->hint);
}

/// Kills what is over its time. @return when to look again
PoolImpl::Instant PoolImpl::check_deadlines(Instant now) {
  Instant next = Instant::max();
  if (scheduler_.aborting() != 0) {
    for (Link& link : links_) {
      if (link.kill_at <= now) {
        link.kill_at = Instant::max();
        send(link, SIGKILL);
      }
      next = std::min(next, link.kill_at);
    }
  }
  if (timed_ == 0) return next;
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    Task* task = scheduler_.tasks_of(i).front();
    if (task == nullptr || !task->timed || task->timed_out) continue;
    const auto limit = static_cast<TaskState*>(task)->extra().timeout.duration();
    const TaskEntry& entry = links_[i].tasks.entry_at(task->position);
    Instant end = now + std::max<Timeout::Clock::duration>(limit, std::chrono::milliseconds(1));
    if (entry.state.load(std::memory_order_acquire) == EntryState::running) {
      end = Instant(std::chrono::nanoseconds(entry.began.load(std::memory_order_relaxed))) + limit;
    }
    if (end <= now) {
      scheduler_.expire(*task);
    } else {
      next = std::min(next, end);
    }
  }
  return next;
}

/// Sleeps while another thread leads. @return true: this thread is the leader's successor
bool PoolImpl::follow(Lock& lock, Waiter& self, Instant deadline) {
  followers_.push_back(&self);
  // The leader sleeps on, but the worker has to know that somebody waits for this task as well.
  if (self.hint != nullptr && self.hint->phase == TaskPhase::given) {
    links_[self.hint->worker].memory->pool.ring_at.store(0, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    pump();
  }
  while (!is_set(*self.flag) && !self.promoted) {
    if (deadline == Instant::max()) {
      lock.wait(self.wake);
    } else if (!lock.wait_until(self.wake, deadline)) {
      break;
    }
  }
  std::erase(followers_, &self);
  if (!self.promoted) return false;
  if (!is_set(*self.flag)) return true;
  resign();
  return false;
}

void PoolImpl::wake_followers() {
  for (Waiter* waiter : followers_) {
    if (is_set(*waiter->flag)) waiter->wake.notify_one();
  }
}

/// Makes a waiting thread the leader, if there is one.
void PoolImpl::resign() {
  leader_ = nullptr;
  for (Waiter* waiter : followers_) {
    if (is_set(*waiter->flag)) continue;
    waiter->promoted = true;
    leader_ = waiter;
    waiter->wake.notify_one();
    return;
  }
}

/// Whether something would stand still if nobody led.
bool PoolImpl::needs_driver() const noexcept {
  if (!to_start_.empty()) return true;
  if (scheduler_.live() == 0) return false;
  if (timed_ != 0 || scheduler_.aborting() != 0) return true;
  if (plan_.polled) return false;
  if (!scheduler_.backlog().empty() || wanted_ != 0) return true;
  for (std::uint32_t i = 0; i < scheduler_.slots(); ++i) {
    if (scheduler_.tasks_of(i).size() > 1) return true;
  }
  return false;
}

/// Sees to it that the pool's own thread knows of a need. Workers to start are one at once, also
/// while somebody leads: a start takes long, and neither who submits nor who waits has to do it.
void PoolImpl::ask_driver() {
  const bool start = !to_start_.empty();
  if (start && leader_ == &driver_) nudge();
  if (driver_thread_.joinable() && !driver_asleep_ && !start) return;
  if (stop_driver_ || !needs_driver()) return;
  if (!driver_thread_.joinable()) {
    driver_thread_ = os::start_quiet_thread([self = share()] { self->driver_main(); });
  } else {
    driver_asleep_ = false;
    driver_.wake.notify_one();
  }
}

void PoolImpl::driver_main() {
  Lock lock(*this);
  while (!stop_driver_) {
    if (!needs_driver()) {
      driver_asleep_ = true;
      lock.wait(driver_.wake);
      driver_asleep_ = false;
    } else if (!to_start_.empty()) {
      start_pending(lock);
    } else if (leader_ != nullptr || user_led_) {
      user_led_ = false;
      lock.wait_until(driver_.wake, Timeout::Clock::now() + driver_patience);
      // A leader looks at the clock when it goes to sleep, and one that always finds results never does.
      check_deadlines(Timeout::Clock::now());
    } else {
      leader_ = &driver_;
      lead(lock, driver_, Instant::max());
      if (leader_ == &driver_) leader_ = nullptr;
    }
  }
}

void PoolImpl::queue_callback(std::unique_ptr<Callback> callback) {
  std::lock_guard lock(callbacks_mutex_);
  callbacks_.push_back(std::move(callback));
  if (!callback_thread_.joinable()) {
    callback_thread_ = os::start_quiet_thread([self = share()] { self->callback_main(); });
  } else {
    callbacks_wake_.notify_one();
  }
}

void PoolImpl::callback_main() {
  std::unique_lock lock(callbacks_mutex_);
  for (;;) {
    callbacks_wake_.wait(lock, [this] { return !callbacks_.empty() || stop_callbacks_; });
    if (callbacks_.empty()) return;
    auto callback = std::move(callbacks_.front());
    callbacks_.pop_front();
    lock.unlock();
    run_callback(*callback);
    callback.reset();
    lock.lock();
  }
}

}  // namespace royong::inline v0::detail
