// SPDX-License-Identifier: Apache-2.0
#include "mpi/session.hpp"

#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>  // for std::max
#include <cstring>    // for std::memcpy
#include <utility>    // for std::exchange, std::move

#include "royong/detail/exception.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"

namespace royong::inline v0::mpi {

using namespace royong::detail;

namespace {

constexpr NodeId own_node = 0;

NodeScheduler::Limits limits_of(const MpiPlan& plan) {
  NodeScheduler::Limits limits;
  limits.silence = plan.node_timeout.count();
  return limits;
}

void check(const MpiPlan& plan) {
  const auto refuse = [](bool wrong, const char* what) {
    if (wrong) throw UsageError(what);
  };
  refuse(plan.pool.processes < 0, "workers_per_node must not be negative");
  refuse(plan.pool.maxtasksperchild < 0, "maxtasksperchild must not be negative");
  refuse(plan.pool.restarts.count < 0, "RestartLimit::count must not be negative");
  refuse(plan.pool.inline_tasks, "inline_tasks means one process: use a Pool to debug");
  refuse(plan.heartbeat.count() <= 0, "the heartbeat must be longer than nothing");
  refuse(plan.node_timeout < 2 * plan.heartbeat, "node_timeout must be at least two heartbeats");
  if (!plan.pool.kept.empty())
    throw TransferError(
        "cannot send the initializer: it holds a handle (a queue, a lock, an array), which means "
        "nothing on another machine");
}

}  // namespace

StateRef<MpiCore> MpiCore::create(MpiPlan plan) {
  Cluster& cluster = Cluster::instance();
  check(plan);
  StateRef<Session> session(new Session(cluster, std::move(plan)));
  session->start();
  return StateRef<MpiCore>(session.take());
}

Session::Session(Cluster& cluster, MpiPlan plan)
    : cluster_(cluster),
      plan_(std::move(plan)),
      pid_(::getpid()),
      scheduler_(*this, cluster.size(), limits_of(plan_)),
      open_sent_(cluster.size()),
      open_answered_(cluster.size()),
      close_answered_(cluster.size()),
      node_workers_(cluster.size()) {}

Session::~Session() = default;

void Session::start() {
  const auto deadline = Timeout(plan_.start_timeout).deadline();
  cluster_.wait(cluster_.all_here(), nullptr, deadline);
  PoolPlan plan;
  {
    Lock lock(cluster_.mutex());
    cluster_.use_times(plan_.heartbeat, plan_.node_timeout);
    id_ = cluster_.add_session(*this);
    for (NodeId node = 1; node < cluster_.size(); ++node) send_open(node);
    plan = local_plan();
  }
  try {
    auto local = std::make_shared<LocalNode>(std::move(plan), "");
    Lock lock(cluster_.mutex());
    local_ = std::move(local);
    nudged_.store(local_.get(), std::memory_order_release);
    node_workers_[own_node] = local_->workers();
    if (plan_.use_rank_0) join_own_node();
    open_answered_[own_node] = true;
    if (all_have_answered()) answered_.store(1, std::memory_order_release);
  } catch (...) {
    terminate();
    join(forever);
    throw;
  }
  wait(answered_, nullptr, deadline);
  Lock lock(cluster_.mutex());
  for (NodeId node = 1; node < cluster_.size(); ++node) {
    if (!open_answered_[node] && !cluster_.rank(node).gone)
      get_logger()->warn(
          "rank {} has not joined within the time for the start: it is not waited for", node);
  }
  if (scheduler_.joined() == 0) join_own_node();
}

void Session::join_own_node() { scheduler_.join(own_node, local_->workers(), Cluster::now_ns()); }

PoolPlan Session::local_plan() const {
  PoolPlan plan = plan_.pool;
  if (plan.processes == 0) plan.processes = cluster_.default_workers(own_node);
  return plan;
}

void Session::send_open(NodeId node) {
  if (open_sent_[node] || !cluster_.rank(node).here || cluster_.rank(node).gone) return;
  open_sent_[node] = true;
  const PoolPlan& pool = plan_.pool;
  Open open;
  open.session = id_;
  open.workers = pool.processes != 0 ? pool.processes : cluster_.default_workers(node);
  open.initializer = pool.initializer;
  open.maxtasksperchild = pool.maxtasksperchild;
  open.start_method = pool.start_method;
  open.limits = pool.limits;
  open.name = pool.name;
  open.restart_count = pool.restarts.count;
  open.restart_period = pool.restarts.period.count();
  if (!pool.trace.empty()) open.trace = pool.trace.string() + "." + std::to_string(node);
  open.heartbeat = plan_.heartbeat.count();
  open.silence = plan_.node_timeout.count();
  cluster_.send_modules(node);
  cluster_.send(node, make_message(Kind::open, open));
}

void Session::rank_is_here(NodeId node) {
  if (mode_ == Mode::open && local_ != nullptr) send_open(node);
}

bool Session::all_have_answered() const noexcept {
  for (NodeId node = 0; node < cluster_.size(); ++node) {
    if (!open_answered_[node] && !cluster_.rank(node).gone) return false;
  }
  return true;
}

void Session::opened(NodeId from, const Opened& opened) {
  if (open_answered_[from]) return;
  open_answered_[from] = true;
  node_workers_[from] = opened.workers;
  scheduler_.join(from, opened.workers, Cluster::now_ns());
  if (all_have_answered()) answered_.store(1, std::memory_order_release);
}

void Session::broken(NodeId from, const Broken& broken) {
  Reader in(broken.error);
  const std::exception_ptr error = read_exception(in);
  if (!open_answered_[from]) {
    open_answered_[from] = true;
    get_logger()->warn("{} takes no part: its pool cannot be made: {}", cluster_.rank(from).name,
                       text_of(error));
    scheduler_.leave(from);
  } else {
    break_with(error);
  }
  if (all_have_answered()) answered_.store(1, std::memory_order_release);
}

void Session::break_with(std::exception_ptr cause) {
  if (broken_cause_) return;
  broken_cause_ = std::move(cause);
  scheduler_.end_pending(TaskPhase::failed);
}

void Session::require_home() const {
  if (pid_ != ::getpid())
    throw UsageError("an executor works only in the process that made it, not in a fork of it");
}

void Session::require_open() const {
  if (broken_cause_) std::rethrow_exception(broken_cause_);
  if (mode_ == Mode::closing) throw UsageError("the executor is shut down: it takes no more tasks");
  if (mode_ == Mode::terminated)
    throw UsageError("the executor was terminated: it takes no more tasks");
}

void Session::submit(TaskState& state, Writer& call) {
  StateRef<TaskState> own(&state);  // the engine's count, until the task is the scheduler's
  require_home();
  if (!call.take_kept().empty())
    throw TransferError(
        "cannot send a handle (a queue, a lock, an array) to another machine: only processes of "
        "this one share memory; pass the value, or let a remote Manager keep the object");
  if (const TaskExtra* extra = state.extra_if_any(); extra != nullptr && !extra->blocks.empty())
    throw UsageError("a task with a block of shared memory cannot go to another machine");
  const auto bytes = call.bytes();
  state.extra().call.assign(bytes.begin(), bytes.end());

  Lock lock(cluster_.mutex());
  require_open();
  while (scheduler_.backlog_bytes() > plan_.max_backlog) {
    const bool any = cluster_.step(0);
    lock.unlock();
    if (!any && local_ != nullptr)
      local_->sleep(Timeout::Clock::now() + std::chrono::microseconds(200));
    lock.lock();
    require_open();
  }
  state.set_engine(*this);
  (void)own.take();
  scheduler_.submit(state, static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), ~0U)),
                    Cluster::now_ns());
}

void Session::give(NodeId node, std::span<Task* const> tasks) {
  const auto head_of = [](TaskState& state) {
    TaskHead head;
    head.ticket = state.end;
    head.length = state.extra().call.size();
    if (state.timed) head.timeout = state.extra().timeout.duration().count();
    head.retries = std::max(state.retries - state.deaths, 0);
    head.named = !state.extra().name.empty();
    return head;
  };
  if (node == own_node) {
    for (Task* task : tasks) {
      auto& state = static_cast<TaskState&>(*task);
      local_->run(head_of(state), state.extra().name, state.extra().call);
    }
    return;
  }
  cluster_.send_modules(node);
  MessagePtr message = make_message(Kind::batch);
  message->write_plain(id_);
  message->write_plain(static_cast<std::uint32_t>(tasks.size()));
  for (Task* task : tasks) {
    auto& state = static_cast<TaskState&>(*task);
    const TaskHead head = head_of(state);
    message->write_plain(head);
    if (head.named) (*message)(state.extra().name);
    message->write_raw(state.extra().call.data(), head.length);
  }
  cluster_.send(node, std::move(message));
}

void Session::recall(NodeId node, std::uint32_t count) {
  if (node == own_node) {
    local_->recall(count);
    recalled_here_ = true;  // `take_local` says so: not from within the scheduler
  } else {
    cluster_.send(node, make_message(Kind::recall, Recall{id_, count}));
  }
}

bool Session::step() {
  if (local_ == nullptr) return false;
  bool any = local_->pump();
  take_local();
  if (!scheduler_.backlog().empty()) scheduler_.dispatch(Cluster::now_ns());
  return any;
}

void Session::take_local() {
  std::uint32_t count = 0;
  local_->take([&](const LocalResult& result) {
    take_result(own_node, result.ticket, result.outcome, result.bytes);
    ++count;
  });
  if (std::exchange(recalled_here_, false)) scheduler_.recalled(own_node);
  if (count != 0) scheduler_.drained(own_node, count, Cluster::now_ns());
  if (!local_->broken().empty() && !broken_cause_) {
    Reader in(local_->broken());
    break_with(read_exception(in));
  }
}

void Session::results(NodeId from, Reader& in) {
  std::uint32_t count = 0;
  in.read_plain(count);
  const std::uint32_t all = count;
  for (; count != 0; --count) {
    ResultHead head;
    in.read_plain(head);
    if (head.outcome > Outcome::last) throw TransferError("a result with no outcome");
    take_result(from, head.ticket, head.outcome, {in.take(head.length, "result"), head.length});
  }
  if (all != 0) scheduler_.drained(from, all, Cluster::now_ns());
}

void Session::take_result(NodeId from, std::uint64_t ticket, Outcome outcome,
                          std::span<const std::byte> bytes) {
  if (outcome == Outcome::returned && !cancelling_) return scheduler_.returned(from, ticket);
  Task* task = scheduler_.completed(from, ticket);
  if (task == nullptr) return;  // it has ended otherwise
  if (task->aborted || outcome == Outcome::cancelled || outcome == Outcome::returned)
    return scheduler_.end(*task, TaskPhase::cancelled);
  auto& state = static_cast<TaskState&>(*task);
  try {
    std::byte* const to = state.make_result(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    from_worker_ = true;
  } catch (const std::bad_alloc&) {
    state.extra().error = std::current_exception();
  }
  scheduler_.end(*task,
                 outcome == Outcome::value && from_worker_ ? TaskPhase::done : TaskPhase::failed);
  from_worker_ = false;
}

void Session::end_task(Task& task) {
  auto& state = static_cast<TaskState&>(task);
  TaskExtra& extra = state.extra();
  Ending ending = task.phase == TaskPhase::done ? Ending::value : Ending::exception;
  if (!from_worker_) {
    if (!extra.error) extra.error = ending_error(state);
    ending = task.phase == TaskPhase::cancelled ? Ending::cancelled : Ending::error;
  }
  std::vector<std::byte>().swap(extra.call);
  CompletionHook* hook = std::exchange(extra.hooks, nullptr);
  auto callbacks = std::move(extra.callbacks);
  extra.callbacks.clear();
  state.publish(ending);
  while (hook != nullptr) std::exchange(hook, hook->next_hook)->completed();
  for (auto& callback : callbacks) callbacks_.add(std::move(callback));
  state.release();
  cluster_.note_end();
  note_if_done();
}

/// Why a task without a result ended.
std::exception_ptr Session::ending_error(TaskState& state) const {
  switch (state.phase) {
    case TaskPhase::cancelled:
      return std::make_exception_ptr(CancelledError(
          state.label() + (mode_ == Mode::terminated ? " was cancelled: the executor was terminated"
                           : state.aborted           ? " was aborted"
                                                     : " was cancelled")));
    case TaskPhase::lost: {
      const auto& rank = cluster_.rank(state.worker);
      return std::make_exception_ptr(
          NodeLost(state.label() + " was lost with " + rank.name + ": " + rank.reason));
    }
    default: return broken_cause_;
  }
}

void Session::lost(NodeId node) { cluster_.lose(node, ""); }

void Session::lose(NodeId node) {
  scheduler_.lose(node);
  if (local_ != nullptr && scheduler_.joined() == 0) join_own_node();
  for (auto& [number, pending] : pending_) {
    if (pending->node == node) pending->there.store(1, std::memory_order_release);
  }
  if (all_have_answered()) answered_.store(1, std::memory_order_release);
  close_answered_[node] = true;
  note_if_left();
}

void Session::note_if_done() {
  if (mode_ != Mode::open && scheduler_.live() == 0) done_.store(1, std::memory_order_release);
}

bool Session::wait(const std::atomic<std::uint32_t>& flag, const TaskState*,
                   Timeout::Clock::time_point deadline) {
  if (pid_ != ::getpid())
    throw UsageError("an executor works only in the process that made it, not in a fork of it");
  std::shared_ptr<LocalNode> local;
  {
    Lock lock(cluster_.mutex());
    local = local_;
  }
  return cluster_.wait(flag, local.get(), deadline);
}

void Session::sleep_in_local(Timeout::Clock::time_point until) {
  std::shared_ptr<LocalNode> local;
  {
    Lock lock(cluster_.mutex());
    local = local_;
  }
  if (local) {
    local->sleep(until);
  } else {
    std::this_thread::sleep_until(until);
  }
}

/// Without a lock: the local node stays until the session ends, without workers after `join`.
void Session::nudge() noexcept {
  if (LocalNode* local = nudged_.load(std::memory_order_acquire)) local->wake();
}

Answer Session::ask(Lock& lock, const TaskState& state, Question question, std::int64_t grace) {
  Ask ask{id_, ++questions_, question, state.end, grace};
  if (state.worker == own_node) {
    const Answer answer = local_->ask(ask);
    local_->pump();
    take_local();
    return answer;
  }
  Pending pending;
  pending.node = state.worker;
  pending_[ask.number] = &pending;
  cluster_.send(state.worker, make_message(Kind::ask, ask));
  lock.unlock();
  wait(pending.there, nullptr, Timeout::Clock::time_point::max());
  lock.lock();
  pending_.erase(ask.number);
  return pending.answer;
}

void Session::answer(const Answer& answer) {
  const auto place = pending_.find(answer.number);
  if (place == pending_.end()) return;
  place->second->answer = answer;
  place->second->there.store(1, std::memory_order_release);
  cluster_.note_end();
}

bool Session::cancel(TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (!scheduler_.cancel(state) && state.phase == TaskPhase::given) {
    state.add_reference();
    const StateRef<TaskState> keep(&state);
    ask(lock, state, Question::withdraw, 0);
  }
  return state.ending() == Ending::cancelled;
}

bool Session::abort(TaskState& state, Timeout grace) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return state.ending() == Ending::cancelled;
  if (scheduler_.cancel(state)) return true;
  state.add_reference();
  const StateRef<TaskState> keep(&state);
  state.aborted = true;  // before the answer: what is returned from now on is thrown away
  const std::int64_t nanoseconds =
      grace.is_forever() ? std::chrono::nanoseconds(std::chrono::hours(24 * 365)).count()
                         : grace.duration().count();
  ask(lock, state, Question::abort, nanoseconds);
  return !state.has_ended() || state.ending() == Ending::cancelled;
}

bool Session::is_running(const TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended() || state.phase != TaskPhase::given) return false;
  return ask(lock, state, Question::state, 0).yes;
}

TaskProgress Session::progress(const TaskState& state) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended() || state.phase != TaskPhase::given) return {};
  const Answer answer = ask(lock, state, Question::state, 0);
  return {answer.done, answer.total};
}

bool Session::add_hook(TaskState& state, CompletionHook& hook) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return false;
  hook.next_hook = std::exchange(state.extra().hooks, &hook);
  cluster_.ask_driver();
  return true;
}

void Session::remove_hook(TaskState& state, CompletionHook& hook) noexcept {
  Lock lock(cluster_.mutex());
  TaskExtra* extra = state.extra_if_any();
  if (state.has_ended() || extra == nullptr) return;
  for (CompletionHook** place = &extra->hooks; *place != nullptr; place = &(*place)->next_hook) {
    if (*place != &hook) continue;
    *place = hook.next_hook;
    return;
  }
}

void Session::add_callback(TaskState& state, std::unique_ptr<Callback> callback) {
  require_home();
  Lock lock(cluster_.mutex());
  if (state.has_ended()) return callbacks_.add(std::move(callback));
  state.extra().callbacks.push_back(std::move(callback));
  cluster_.ask_driver();
}

void Session::close() {
  require_home();
  Lock lock(cluster_.mutex());
  if (mode_ == Mode::open) mode_ = Mode::closing;
  note_if_done();
  cluster_.note_end();
}

void Session::terminate() {
  if (pid_ != ::getpid()) return;
  Lock lock(cluster_.mutex());
  if (mode_ == Mode::terminated) return;
  mode_ = Mode::terminated;
  scheduler_.end_everything(TaskPhase::cancelled);
  close_nodes();
  if (local_) local_->terminate();
  note_if_done();
  cluster_.note_end();
}

void Session::cancel_pending() {
  require_home();
  Lock lock(cluster_.mutex());
  cancelling_ = true;  // what comes back unbegun is cancelled
  scheduler_.end_pending(TaskPhase::cancelled);
  for (NodeId node = 0; node < cluster_.size(); ++node) {
    if (scheduler_.state(node) == NodeState::joined && !scheduler_.tasks_of(node).empty())
      recall(node, scheduler_.tasks_of(node).size());
  }
  if (local_) take_local();
}

void Session::close_nodes() {
  if (std::exchange(close_sent_, true)) return;
  for (NodeId node = 1; node < cluster_.size(); ++node) {
    if (open_sent_[node] && !cluster_.rank(node).gone) {
      cluster_.send(node, make_message(Kind::close, Close{id_}));
    } else {
      close_answered_[node] = true;
    }
  }
  close_answered_[own_node] = true;
  note_if_left();
}

void Session::closed(NodeId from) {
  close_answered_[from] = true;
  note_if_left();
}

void Session::note_if_left() noexcept {
  if (!close_sent_) return;
  for (const bool answered : close_answered_) {
    if (!answered) return;
  }
  left_.store(1, std::memory_order_release);
  cluster_.note_end();
}

bool Session::join(Timeout timeout) {
  if (pid_ != ::getpid()) return true;
  {
    Lock lock(cluster_.mutex());
    if (mode_ == Mode::open) throw UsageError("an executor must be shut down before it is joined");
  }
  if (!wait(done_, nullptr, timeout.deadline())) return false;
  {
    Lock lock(cluster_.mutex());
    close_nodes();
  }
  wait(left_, nullptr, Timeout::Clock::time_point::max());
  bool last = false;
  {
    Lock lock(cluster_.mutex());
    last = !std::exchange(joined_, true);
    if (last) cluster_.remove_session(id_);
  }
  if (last && local_) local_->end();
  callbacks_.stop();
  if (last) release();  // the cluster's count
  return true;
}

void Session::resize(int) {
  throw UsageError("the workers of an executor over MPI are its nodes': their number is fixed");
}

int Session::size() {
  Lock lock(cluster_.mutex());
  return static_cast<int>(std::max<std::uint32_t>(scheduler_.total_workers(), 1));
}

PoolStats Session::stats() { return mpi_stats().tasks; }

MpiStats Session::mpi_stats() {
  Lock lock(cluster_.mutex());
  cluster_.step(0);
  const NodeScheduler::Counts& counts = scheduler_.counts();
  MpiStats stats;
  stats.tasks.submitted = counts.submitted;
  stats.tasks.done = counts.done;
  stats.tasks.failed = counts.failed;
  stats.tasks.cancelled = counts.cancelled;
  stats.tasks.retried = counts.retried;
  stats.tasks.queue_depth = scheduler_.backlog().size();
  stats.tasks.running = scheduler_.live() - scheduler_.backlog().size();
  stats.batches = counts.batches;
  stats.taken_back = counts.taken_back;
  for (NodeId node = 0; node < cluster_.size(); ++node) {
    const auto& rank = cluster_.rank(node);
    NodeInfo info;
    info.rank = static_cast<int>(node);
    info.name = rank.name.empty() ? "rank " + std::to_string(node) : rank.name;
    info.host = rank.hello.host;
    info.workers = static_cast<int>(node_workers_[node]);
    info.alive = scheduler_.state(node) == NodeState::joined;
    info.reason = rank.reason;
    info.pid = rank.hello.pid;
    stats.nodes.push_back(std::move(info));
  }
  return stats;
}

}  // namespace royong::inline v0::mpi
