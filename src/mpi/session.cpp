// SPDX-License-Identifier: Apache-2.0
#include "mpi/session.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>  // for std::max
#include <utility>    // for std::exchange, std::move

#include "royong/detail/exception.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"

namespace royong::inline v0::mpi {

using namespace royong::detail;

namespace {

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
      scheduler_(*this, cluster.size(), limits_of(plan_)),
      members_(cluster, scheduler_, plan_),
      questions_(cluster),
      kept_now_(cluster.size()) {}

Session::~Session() = default;

void Session::start() {
  const auto deadline = Timeout(plan_.start_timeout).deadline();
  cluster_.wait(cluster_.all_here(), nullptr, deadline);
  PoolPlan plan;
  {
    Lock lock(cluster_.mutex());
    cluster_.use_times(plan_.heartbeat, plan_.node_timeout);
    id_ = cluster_.add_session(*this);
    members_.open(id_);
    plan = members_.own_plan();
  }
  try {
    auto local = std::make_shared<LocalNode>(std::move(plan), "");
    Lock lock(cluster_.mutex());
    local_ = std::move(local);
    nudged_.store(local_.get(), std::memory_order_release);
    members_.own_opened(local_->workers());
  } catch (...) {
    terminate();
    join(forever);
    throw;
  }
  wait(members_.all_answered(), nullptr, deadline);
  Lock lock(cluster_.mutex());
  members_.begin();
}

void Session::broken(NodeId from, const Broken& broken) {
  Reader in(broken.error);
  const std::exception_ptr error = read_exception(in);
  if (!members_.refused(from, error)) break_with(error);
}

void Session::break_with(std::exception_ptr cause) {
  if (broken_cause_) return;
  broken_cause_ = std::move(cause);
  scheduler_.end_pending(TaskPhase::failed);
}

void Session::require_home() const {
  if (!Cluster::is_home())
    throw UsageError("an executor works only in the process that made it, not in a fork of it");
}

void Session::require_open() const {
  if (broken_cause_) std::rethrow_exception(broken_cause_);
  if (mode_ == Mode::closing) throw UsageError("the executor is shut down: it takes no more tasks");
  if (mode_ == Mode::terminated)
    throw UsageError("the executor was terminated: it takes no more tasks");
}

void Session::check_open() {
  require_home();
  Lock lock(cluster_.mutex());
  require_open();
}

void Session::note_if_done() {
  if (mode_ != Mode::open && scheduler_.live() == 0) done_.store(1, std::memory_order_release);
}

void Session::close() {
  require_home();
  Lock lock(cluster_.mutex());
  if (mode_ == Mode::open) mode_ = Mode::closing;
  note_if_done();
  cluster_.note_end();
}

void Session::end_everything(bool kill) {
  if (!Cluster::is_home()) return;
  Lock lock(cluster_.mutex());
  if (mode_ == Mode::terminated) return;
  mode_ = Mode::terminated;
  scheduler_.end_everything(TaskPhase::cancelled);
  members_.close(kill);
  if (local_) kill ? local_->kill() : local_->terminate();
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

bool Session::join(Timeout timeout) {
  if (!Cluster::is_home()) return true;
  {
    Lock lock(cluster_.mutex());
    if (mode_ == Mode::open) throw UsageError("an executor must be shut down before it is joined");
  }
  if (!wait(done_, nullptr, timeout.deadline())) return false;
  {
    Lock lock(cluster_.mutex());
    members_.close();
  }
  wait(members_.all_left(), nullptr, Timeout::Clock::time_point::max());
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
  stats.result_bytes = result_bytes_;
  stats.kept_results = kept_;
  for (NodeId node = 0; node < cluster_.size(); ++node) {
    const auto& rank = cluster_.rank(node);
    NodeInfo info;
    info.rank = static_cast<int>(node);
    info.name = rank.name.empty() ? "rank " + std::to_string(node) : rank.name;
    info.host = rank.hello.host;
    info.workers = static_cast<int>(members_.workers(node));
    info.alive = scheduler_.state(node) == NodeState::joined;
    info.reason = rank.reason;
    info.pid = rank.hello.pid;
    info.kept_results = kept_now_[node];
    stats.nodes.push_back(std::move(info));
  }
  return stats;
}

}  // namespace royong::inline v0::mpi
