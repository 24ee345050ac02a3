// SPDX-License-Identifier: Apache-2.0
#include "mpi/members.hpp"

#include <spdlog/spdlog.h>

#include <utility>  // for std::exchange, std::move

#include "royong/logging.hpp"

namespace royong::inline v0::mpi {

using royong::detail::PoolPlan;

Members::Members(Cluster& cluster, NodeScheduler& scheduler, const MpiPlan& plan)
    : cluster_(cluster), scheduler_(scheduler), plan_(plan), nodes_(cluster.size()) {}

void Members::open(std::uint32_t session) {
  session_ = session;
  for (NodeId node = 1; node < nodes_.size(); ++node) came(node);
}

void Members::came(NodeId node) {
  if (session_ == 0 || closing_ || nodes_[node].asked || !cluster_.rank(node).here ||
      cluster_.rank(node).gone)
    return;
  nodes_[node].asked = true;
  const PoolPlan& pool = plan_.pool;
  Open open;
  open.session = session_;
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

PoolPlan Members::own_plan() const {
  PoolPlan plan = plan_.pool;
  if (plan.processes == 0) plan.processes = cluster_.default_workers(own_node);
  return plan;
}

void Members::own_opened(std::uint32_t workers) {
  nodes_[own_node].workers = workers;
  nodes_[own_node].answered = true;
  if (plan_.use_rank_0) join_own_node();
  note();
}

void Members::join_own_node() {
  scheduler_.join(own_node, nodes_[own_node].workers, Cluster::now_ns());
}

void Members::opened(NodeId node, std::uint32_t workers) {
  if (std::exchange(nodes_[node].answered, true)) return;
  nodes_[node].workers = workers;
  scheduler_.join(node, workers, Cluster::now_ns());
  note();
}

bool Members::refused(NodeId node, const std::exception_ptr& error) {
  if (std::exchange(nodes_[node].answered, true)) return false;
  get_logger()->warn("{} takes no part: its pool cannot be made: {}", cluster_.rank(node).name,
                     text_of(error));
  scheduler_.leave(node);
  note();
  return true;
}

void Members::lose(NodeId node) {
  nodes_[node].closed = true;
  if (nodes_[own_node].answered && scheduler_.joined() == 0) join_own_node();
  note();
}

void Members::begin() {
  for (NodeId node = 1; node < nodes_.size(); ++node) {
    if (!nodes_[node].answered && !cluster_.rank(node).gone)
      get_logger()->warn(
          "rank {} has not joined within the time for the start: it is not waited for", node);
  }
  if (scheduler_.joined() == 0) join_own_node();
}

void Members::close(bool kill) {
  if (std::exchange(closing_, true)) return;
  for (NodeId node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].asked && !cluster_.rank(node).gone) {
      cluster_.send(node, make_message(Kind::close, Close{session_, kill}));
    } else {
      nodes_[node].closed = true;  // this process among them: the session ends its pool itself
    }
  }
  note();
}

void Members::closed(NodeId node) {
  nodes_[node].closed = true;
  note();
}

void Members::note() noexcept {
  bool answered = true;
  bool left = closing_;
  for (NodeId node = 0; node < nodes_.size(); ++node) {
    answered &= nodes_[node].answered || cluster_.rank(node).gone;
    left &= nodes_[node].closed;
  }
  if (answered) all_answered_.store(1, std::memory_order_release);
  if (left && all_left_.exchange(1, std::memory_order_acq_rel) == 0) cluster_.note_end();
}

}  // namespace royong::inline v0::mpi
