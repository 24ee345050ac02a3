// SPDX-License-Identifier: Apache-2.0
#include "mpi/local_node.hpp"

#include <algorithm>  // for std::max
#include <utility>    // for std::exchange, std::move

#include "royong/error.hpp"

namespace royong::inline v0::mpi {

using namespace royong::detail;

namespace {
// What stays must leave the arena to the tasks. More of it travels.
constexpr std::uint64_t most_kept_bytes = std::uint64_t{128} << 20;
}  // namespace

void LocalTask::completed() noexcept { node_.note(*this); }

LocalNode::LocalNode(PoolPlan plan, std::string name) : name_(std::move(name)) {
  plan.polled = true;
  plan.abroad = true;
  pool_ = PoolCore::create(std::move(plan));
  workers_ = static_cast<std::uint32_t>(std::max(pool_->size(), 1));
}

LocalNode::~LocalNode() { end(); }

void LocalNode::end() noexcept {
  if (std::exchange(over_, true)) return;
  try {
    // Idle workers end by themselves. Whoever wanted an orderly end has waited for the tasks.
    if (first_ == nullptr) {
      pool_->close();
    } else {
      pool_->terminate();
    }
    pool_->join(forever);
  } catch (const std::exception&) {
    // It was broken before; its workers are gone, or go with this process.
  }
  kept_.clear();
  // Every task has ended now, and nobody will note another one.
  while (first_ != nullptr) drop(*first_);
}

void LocalNode::run(const TaskHead& head, std::string name, std::span<std::byte> call) {
  auto* task = new LocalTask(*this, head);
  task->before = last_;
  (last_ != nullptr ? last_->after : first_) = task;
  last_ = task;
  try {
    TaskOptions options;
    options.name = std::move(name);
    options.retries = head.retries;
    if (head.timeout >= 0) options.timeout = std::chrono::nanoseconds(head.timeout);
    if (needs_extra(options)) apply_options(options, *task);
    Writer written(Transit::argument, call);
    written.extend(call.size());  // it lies there already
    task->add_reference();        // for an attempt that fails: `submit` takes one over in any case
    pool_->submit(*task, written);
    task->release();
    if (!pool_->add_hook(*task, *task)) note(*task);
  } catch (const BrokenProcessPool&) {
    broken_ = write_error(std::current_exception(), name_);
    failed_.emplace_back(head.ticket, broken_);
    drop(*task);
    task->release();
  } catch (...) {
    failed_.emplace_back(head.ticket, write_error(std::current_exception(), name_));
    drop(*task);
    task->release();
  }
  if (!failed_.empty()) flag_.store(1, std::memory_order_release);
}

void LocalNode::recall(std::uint32_t count) {
  for (LocalTask* task = last_; task != nullptr && count != 0; task = task->before) {
    if (task->bound_here || task->has_ended() || !pool_->cancel(*task)) continue;
    task->recalled = true;
    --count;
  }
}

Answer LocalNode::ask(const Ask& ask) {
  Answer answer;
  answer.session = ask.session;
  answer.number = ask.number;
  LocalTask* task = find(ask.ticket);
  if (task == nullptr || task->has_ended()) return answer;
  switch (ask.question) {
    case Question::withdraw: answer.yes = pool_->cancel(*task); break;
    case Question::abort:
      answer.yes = pool_->abort(*task, std::chrono::nanoseconds(ask.grace));
      break;
    case Question::state: {
      answer.yes = pool_->is_running(*task);
      const TaskProgress now = pool_->progress(*task);
      answer.done = now.done;
      answer.total = now.total;
      break;
    }
  }
  return answer;
}

bool LocalNode::pump() { return sleep(Timeout::Clock::time_point::min()); }

bool LocalNode::sleep(Timeout::Clock::time_point until) {
  if (pool_->wait(flag_, nullptr, until)) flag_.store(0, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  return first_ended_ != nullptr || !failed_.empty();
}

void LocalNode::wake() noexcept {
  flag_.store(1, std::memory_order_release);
  pool_->nudge();
}

/// By whichever thread reads the pool's results, with the pool's lock held.
void LocalNode::note(LocalTask& task) noexcept {
  {
    std::lock_guard lock(mutex_);
    (last_ended_ != nullptr ? last_ended_->next_ended : first_ended_) = &task;
    last_ended_ = &task;
  }
  flag_.store(1, std::memory_order_release);
}

LocalTask* LocalNode::take_ended() {
  std::lock_guard lock(mutex_);
  last_ended_ = nullptr;
  return std::exchange(first_ended_, nullptr);
}

LocalResult LocalNode::result_of(LocalTask& task) {
  LocalResult result;
  result.ticket = task.ticket;
  std::exception_ptr error;
  switch (task.ending()) {
    case Ending::none: break;
    case Ending::cancelled:
      result.outcome = task.recalled ? Outcome::returned : Outcome::cancelled;
      return result;
    case Ending::value:
      if (may_stay(task)) return kept_result_of(task);
      [[fallthrough]];
    case Ending::exception:
      result.outcome = task.ending() == Ending::value ? Outcome::value : Outcome::exception;
      result.bytes = task.bytes();
      return result;
    case Ending::error: error = as_seen_from_afar(task.extra().error); break;
  }
  result.outcome = Outcome::exception;
  scratch_ = write_error(error, name_);
  try {
    std::rethrow_exception(error);
  } catch (const BrokenProcessPool&) {
    broken_ = scratch_;
  } catch (...) {
    // It concerns this task alone.
  }
  result.bytes = scratch_;
  return result;
}

std::exception_ptr LocalNode::as_seen_from_afar(const std::exception_ptr& error) const {
  if (name_.empty()) return error;
  try {
    std::rethrow_exception(error);
  } catch (const WorkerDied& died) {
    return std::make_exception_ptr(WorkerDied(std::string(died.what()) + " (" + name_ + ")",
                                              died.pid(), died.exitcode(), died.task(), name_));
  } catch (const TimeoutError& late) {
    return std::make_exception_ptr(TimeoutError(std::string(late.what()) + " (" + name_ + ")"));
  } catch (...) {
    return error;
  }
}

/// Small results lie in no block: they travel at once.
bool LocalNode::may_stay(const LocalTask& task) const noexcept {
  const ResultPlace place = task.place();
  return task.keep && place.block != 0 && place.bytes >= kept_beginning &&
         kept_bytes_ + place.bytes <= most_kept_bytes;
}

LocalResult LocalNode::kept_result_of(LocalTask& task) {
  const ResultPlace place = task.place();
  const KeptHead head{place.block, place.bytes};
  const auto* bytes = reinterpret_cast<const std::byte*>(&head);
  scratch_.assign(bytes, bytes + sizeof head);
  const auto beginning = task.bytes().first(kept_beginning);
  scratch_.insert(scratch_.end(), beginning.begin(), beginning.end());
  return {task.ticket, Outcome::kept, scratch_};
}

void LocalNode::keep(LocalTask& task) {
  unlink(task);
  const ResultPlace place = task.place();
  kept_bytes_ += place.bytes;
  kept_.emplace(place.block, StateRef<LocalTask>(&task));
}

void LocalNode::forget(std::uint64_t block) noexcept {
  const auto place = kept_.find(block);
  if (place == kept_.end()) return;
  kept_bytes_ -= place->second->place().bytes;
  kept_.erase(place);
}

void LocalNode::unlink(LocalTask& task) noexcept {
  (task.before != nullptr ? task.before->after : first_) = task.after;
  (task.after != nullptr ? task.after->before : last_) = task.before;
}

void LocalNode::drop(LocalTask& task) noexcept {
  unlink(task);
  task.release();
}

LocalTask* LocalNode::find(std::uint64_t ticket) const noexcept {
  for (LocalTask* task = first_; task != nullptr; task = task->after) {
    if (task->ticket == ticket) return task;
  }
  return nullptr;
}

}  // namespace royong::inline v0::mpi
